import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundleSimulation } from './bundle.js';
import { DELIBERATE_BUGS } from './deliberate-bugs.js';
import { BUGS_OF_SURROUNDINGS } from './deliberate-bugs-of-surroundings.js';

const run = promisify(execFile);

describe('the simulation finds', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-bug-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.each([...DELIBERATE_BUGS, ...BUGS_OF_SURROUNDINGS].map((bug) => [bug.name, bug.seedsMax, bug] as const))(
    '%s, within %d seeds',
    async (_name, seedsMax, bug) => {
      const program = await bundleSimulation(folder, bug);
      const faults = bug.faults === undefined ? [] : ['--faults', bug.faults];
      const outcome = await run(process.execPath, [program, '--seeds', String(seedsMax), ...faults]).then(
        () => ({ code: 0, stdout: 'nothing was found' }),
        (error: { code: number; stdout: string }) => error,
      );
      expect(outcome).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/^seed \d+: [\s\S]*found within \d+ seeds/),
      });
    },
    300_000,
  );

  it('nothing where nothing was changed', async () => {
    const program = await bundleSimulation(folder);
    const { stdout } = await run(process.execPath, [program, '--seeds', '3']);
    expect(stdout).toContain('nothing found');
  });
});
