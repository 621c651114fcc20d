import { expect, it } from 'vitest';
import { findRunner, NEEDED, runConformance } from './run.js';

const runner = findRunner();

it.skipIf(runner === undefined)(
  `passes the official Connect conformance suite${runner === undefined ? ` (skipped: ${NEEDED})` : ''}`,
  async () => {
    const { status, stdout } = await runConformance(runner ?? '');
    expect(stdout.split('\n').filter((line) => line.startsWith('FAILED'))).toEqual([]);
    expect(stdout).toMatch(/\d{4} passed, 0 failed/);
    expect(status).toBe(0);
  },
  600_000,
);
