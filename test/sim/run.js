// Bundles the simulation with the sources that it runs, and runs it: `npm run sim -- --seeds 1000 --from 1`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleSimulation } from './bundle.js';

const folder = mkdtempSync(join(tmpdir(), 'quorate-sim-'));
try {
  const program = await bundleSimulation(folder);
  const { status } = spawnSync(
    process.execPath,
    ['--max-semi-space-size=64', '--enable-source-maps', program, ...process.argv.slice(2)],
    {
      stdio: 'inherit',
    },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
