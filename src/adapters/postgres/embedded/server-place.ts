import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chown, lstat, mkdir, readFile, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { flushFolder, makeFolderDurably, readOrMakeDurably } from '../../system/durable-file.js';
import { copyBinaries, locateBinaries, type PostgresBinaries } from './binaries.js';
import { type UnprivilegedUser, unprivilegedUser } from './unprivileged-user.js';

/** Where things go that the unprivileged user could not reach in the home. */
const ELSEWHERE = '/var/lib/quorate';
/** The home's file that names the folder elsewhere. */
const LOCATION_FILE = 'postgres-location';
/** A unix socket's path takes at most 103 bytes on macOS, 107 on Linux; the socket's own name takes 14. */
const SOCKET_FOLDER_BYTES_MAX = 103 - '/.s.PGSQL.5432'.length;

/** Where one home's PostgreSQL lives, and as whom it runs. */
export interface ServerPlace {
  readonly binaries: PostgresBinaries;
  /** Owned by the user; holds `data`. */
  readonly folder: string;
  readonly dataFolder: string;
  readonly socketFolder: string;
  readonly user: UnprivilegedUser | undefined;
}

/** Decides the place, makes its folders, and remembers it in the home where it lies elsewhere. */
export async function serverPlace(home: string, searchPath: string): Promise<ServerPlace> {
  const root = await realpath(home);
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const inHome = join(root, 'postgres');
  const remembered = await readLocation(root);
  const located = await locateBinaries(searchPath);
  const elsewhere = remembered ?? join(ELSEWHERE, name);
  const user = unprivilegedUser(remembered === undefined ? inHome : join(elsewhere, 'postgres'));
  const useHome = remembered === undefined && (user === undefined || mayEnter(root, user));
  const folder = useHome ? inHome : join(elsewhere, 'postgres');
  if (!useHome) {
    await makeFolderDurably(elsewhere, 0o755);
    await readOrMakeDurably(join(root, LOCATION_FILE), () => `${elsewhere}\n`);
  }
  await makeFolder(folder, user);
  await flushFolder(dirname(folder));
  const binaries = await reachable(located, user, elsewhere);
  return { binaries, folder, dataFolder: join(folder, 'data'), socketFolder: await socketFolder(name, user), user };
}

async function readLocation(home: string): Promise<string | undefined> {
  try {
    return (await readFile(join(home, LOCATION_FILE), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Asks the system itself, which knows of every folder above, of groups and of access lists. */
function mayEnter(folder: string, user: UnprivilegedUser): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...user, cwd: '/', stdio: 'ignore' }).status === 0;
}

async function reachable(
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
  elsewhere: string,
): Promise<PostgresBinaries> {
  const { postgres, root } = binaries;
  if (user === undefined || root === undefined) return binaries;
  const { status } = spawnSync(postgres, ['--version'], { ...user, cwd: '/', stdio: 'ignore' });
  return status === 0 ? binaries : copyBinaries(root, join(elsewhere, 'binaries'));
}

async function socketFolder(name: string, user: UnprivilegedUser | undefined): Promise<string> {
  const preferred = join(tmpdir(), `quorate-${name}`);
  const folder = Buffer.byteLength(preferred) <= SOCKET_FOLDER_BYTES_MAX ? preferred : `/tmp/quorate-${name}`;
  await makeFolder(folder, user);
  // A shared temporary folder: somebody else may have put theirs there.
  const { uid } = await lstat(folder).then((stats) => {
    if (!stats.isDirectory()) throw new Error(`${folder} is no folder: remove it`);
    return stats;
  });
  const expected = user?.uid ?? process.getuid?.();
  if (expected !== undefined && uid !== expected) throw new Error(`${folder} belongs to another user: remove it`);
  return folder;
}

async function makeFolder(folder: string, user: UnprivilegedUser | undefined): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined && user !== undefined) await chown(folder, user.uid, user.gid);
}
