// Compiles src into dist when a source is newer, so that plain Node runs what was written. Safe when several processes
// find dist stale at once: each compiles into a folder of its own, then swaps it in by renaming.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stamp = join(dist, '.built-from');

/** A published package has no sources and is compiled already; so is a clone whose development packages are left out. */
export function ensureBuilt() {
  if (!existsSync(join(root, 'src')) || !existsSync(join(root, 'tsconfig.build.json'))) return;
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  if (existsSync(stamp) && !existsSync(tsc)) return;
  const newest = newestChange();
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= newest) return;
  const fresh = `${dist}.${process.pid}`;
  const startedAt = new Date();
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh], {
    cwd: root,
    encoding: 'utf8',
  });
  if (result.status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new Error(`The sources do not compile:\n${result.stdout}${result.stderr}`);
  }
  // A source that changed while the compiler ran is newer than what was compiled.
  writeFileSync(join(fresh, '.built-from'), '');
  utimesSync(join(fresh, '.built-from'), startedAt, startedAt);
  swapIn(fresh);
}

function newestChange() {
  const files = readdirSync(join(root, 'src'), { recursive: true }).map((file) => join(root, 'src', String(file)));
  // Folders count as well: removing a file changes nothing else.
  return Math.max(
    ...[...files, join(root, 'tsconfig.json'), join(root, 'tsconfig.build.json')].map((file) => statSync(file).mtimeMs),
  );
}

function swapIn(fresh) {
  const old = `${fresh}.old`;
  for (let attempt = 0; attempt < 10; attempt++) {
    try {
      if (existsSync(dist)) renameSync(dist, old);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    try {
      renameSync(fresh, dist);
      break;
    } catch (error) {
      // Somebody else swapped theirs in between.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    }
  }
  rmSync(old, { recursive: true, force: true });
  rmSync(fresh, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureBuilt();
