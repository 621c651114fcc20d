import { expect, it } from 'vitest';
import { findRunner, NEEDED, runConformance } from './run.js';

const runner = findRunner();

it.skipIf(runner === undefined)(
  `passes the official Connect conformance suite${runner === undefined ? ` (skipped: ${NEEDED})` : ''}`,
  async () => {
    const { status, stdout } = await runConformance(runner ?? '');
    // Each with the reason behind it.
    expect(stdout.match(/^FAILED.*(\n\s.*)*/gm) ?? []).toEqual([]);
    expect(stdout).toMatch(/\d{4} passed, 0 failed/);
    expect(status).toBe(0);
  },
  600_000,
);
