import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../../ports/random.js';
import { flushFolder, readOrMakeDurably } from '../../system/durable-file.js';
import { DATABASE_DEFAULTS, openClient } from '../database.js';
import { stopLeftoverServer } from './leftover-server.js';
import { type ServerPlace, serverPlace } from './server-place.js';

const USER = 'quorate';
const PASSWORD_FILE = 'postgres-password';
/** Recovery after a crash may take a while. */
const READY_TIMEOUT_MS = 120_000;
const READY_POLL_MS = 50;
const STOP_TIMEOUT_MS = 15_000;
/** After kill -9 of the server, its orphans keep shared memory for a moment, and a new one refuses to start. */
const START_ATTEMPTS = 5;
const START_RETRY_MS = 500;

export interface EmbeddedPostgresOptions {
  /** An existing folder; everything lies in it where the server's user can enter it. */
  readonly home: string;
  readonly logFile: string;
  readonly searchPath: string;
  readonly random: Random;
}

export interface EmbeddedPostgres {
  /** For the clients of this package: a unix socket, with the password. */
  readonly url: string;
  readonly pid: number;
  /** The folder that holds the data. */
  readonly dataFolder: string;
  /** Resolves when the server's process is gone, for whatever reason. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
  /** Ends at once; the next start recovers. */
  kill(): void;
}

/**
 * Starts a real PostgreSQL on the home's data, which is made at the first start. It listens on a unix socket only, in a
 * process group of its own, so that a Ctrl-C in the terminal does not reach it.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { home, logFile, searchPath, random } = options;
  const place = await serverPlace(home, searchPath);
  const makePassword = () => `${Buffer.from(random.bytes(16)).toString('hex')}\n`;
  const password = (await readOrMakeDurably(join(home, PASSWORD_FILE), makePassword)).trim();
  await mkdir(dirname(logFile), { recursive: true, mode: 0o700 });
  await stopLeftoverServer(place.dataFolder);
  await initialize(place, password, logFile);
  await checkVersion(place);
  const url = `postgres://${USER}:${password}@localhost/postgres?host=${encodeURIComponent(place.socketFolder)}`;
  for (let attempt = 1; ; attempt++) {
    const server = await launch(place, logFile);
    const exited = gone(server);
    if (await ready(url, exited)) return running(server, exited, url, place);
    if (attempt === START_ATTEMPTS) throw new Error(`PostgreSQL does not start: see ${logFile}`);
    await delay(START_RETRY_MS);
  }
}

/** `initdb` in a folder beside, renamed when it is whole and flushed: a kill in between leaves nothing half done. */
async function initialize(place: ServerPlace, password: string, logFile: string): Promise<void> {
  const { folder, dataFolder, binaries, user } = place;
  const entries = await readdir(folder);
  for (const draft of entries.filter((name) => name.startsWith('data.new'))) {
    await rm(join(folder, draft), { recursive: true, force: true });
  }
  if (entries.includes('data')) return flushFolder(folder);
  const draft = `${dataFolder}.new`;
  const passwordFile = `${draft}-password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user !== undefined) await chown(passwordFile, user.uid, user.gid);
  const auth = ['--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
  const log = await open(logFile, 'a', 0o600);
  try {
    const child = spawn(binaries.initdb, ['-D', draft, '-E', 'UTF8', '--locale', 'C', '--no-instructions', ...auth], {
      ...surroundings(place),
      stdio: ['ignore', log.fd, log.fd],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`PostgreSQL's initdb failed: see ${logFile}`);
  } finally {
    await log.close();
    await rm(passwordFile, { force: true });
  }
  await rename(draft, dataFolder);
  await flushFolder(folder);
}

async function checkVersion({ dataFolder, binaries, user }: ServerPlace): Promise<void> {
  const made = (await readFile(join(dataFolder, 'PG_VERSION'), 'utf8')).trim();
  const child = spawn(binaries.postgres, ['--version'], { ...user, cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, 'close');
  const major = /(\d+)/.exec(output)?.[1];
  if (major !== made) {
    throw new Error(
      `the data in ${dataFolder} was made by PostgreSQL ${made}, but the one at hand is ${major}: ` +
        'dump and restore it, or start the release that made it',
    );
  }
}

async function launch(place: ServerPlace, logFile: string): Promise<ChildProcess> {
  const { binaries, dataFolder, socketFolder } = place;
  const settings = {
    listen_addresses: '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    max_connections: '100',
    fsync: 'on',
    logging_collector: 'off',
  };
  const log = await open(logFile, 'a', 0o600);
  try {
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(binaries.postgres, ['-D', dataFolder, ...flags], {
      ...surroundings(place),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    child.on('error', () => {});
    return child;
  } finally {
    await log.close();
  }
}

/** No variable of this process's own: PGDATA, LD_LIBRARY_PATH and locale settings would change what runs. */
function surroundings({ user }: ServerPlace) {
  return { ...user, cwd: '/', env: { PATH: '/usr/bin:/bin', LANG: 'C', TZ: 'UTC' } };
}

async function gone(server: ChildProcess): Promise<void> {
  if (server.pid === undefined) return;
  if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
}

/** False when the server went before it was ready. */
async function ready(url: string, exited: Promise<void>): Promise<boolean> {
  let over = false;
  void exited.then(() => {
    over = true;
  });
  const client = openClient({ ...DATABASE_DEFAULTS, url, applicationName: 'quorate up' });
  try {
    for (const untilMs = Date.now() + READY_TIMEOUT_MS; !over; ) {
      try {
        await Promise.race([client`select 1`, exited]);
        if (!over) return true;
      } catch (error) {
        if (Date.now() > untilMs) throw error;
        await delay(READY_POLL_MS);
      }
    }
    return false;
  } finally {
    await client.end({ timeout: 1 });
  }
}

function running(
  server: ChildProcess,
  exited: Promise<void>,
  url: string,
  { dataFolder, socketFolder }: ServerPlace,
): EmbeddedPostgres {
  const stop = async () => {
    server.kill('SIGINT');
    const quit = setTimeout(() => server.kill('SIGQUIT'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(quit);
    await rm(socketFolder, { recursive: true, force: true });
  };
  return { url, pid: server.pid ?? 0, dataFolder, exited, stop, kill: () => void server.kill('SIGQUIT') };
}
