// `npm run conformance`: the official Connect conformance suite against the product's port. Its runner is written in Go.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const VERSION = 'v1.0.5';
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const PARALLEL_SERVERS = '2';
export const NEEDED = `the suite's runner is missing: put connectconformance ${VERSION} on the PATH, or have Go build it`;

/** The runner on the PATH, or where Go installs programs; undefined where it is not. */
export function findRunner() {
  const gopath = spawnSync('go', ['env', 'GOPATH'], { encoding: 'utf8' });
  const places = ['connectconformance', join(gopath.stdout?.trim() ?? '', 'bin', 'connectconformance')];
  return places.find((place) => spawnSync(place, ['--version'], { encoding: 'utf8' }).stdout?.includes(VERSION));
}

/** Where Go is at hand. */
function buildRunner() {
  const source = `connectrpc.com/conformance/cmd/connectconformance@${VERSION}`;
  spawnSync('go', ['install', source], { stdio: ['ignore', 'inherit', 'inherit'] });
  return findRunner();
}

export async function runConformance(runner, args = []) {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-conformance-'));
  try {
    const program = join(folder, 'server-under-test.mjs');
    await build({
      entryPoints: [join(FOLDER, 'server-under-test.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'error',
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    });
    const suite = ['--mode', 'server', '--conf', join(FOLDER, 'config.yaml'), '--max-servers', PARALLEL_SERVERS];
    const known = ['--known-failing', `@${join(FOLDER, 'known-failing.txt')}`];
    return spawnSync(runner, [...suite, ...known, ...args, '--', process.execPath, program], { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const runner = findRunner() ?? buildRunner();
  if (runner === undefined) {
    process.stdout.write(`skipped: ${NEEDED}\n`);
  } else {
    const { status, stdout, stderr } = await runConformance(runner, process.argv.slice(2));
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    process.exitCode = status ?? 1;
  }
}
