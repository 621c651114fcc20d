import { link, readdir, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeDurably } from './durable-file.js';
import {
  bootName,
  FolderInUseError,
  FolderLockError,
  FolderLockedElsewhereError,
  type LockHolder,
} from './lock-errors.js';
import { askListener, listenOn, openSocketFolder, type SocketFolder } from './lock-socket.js';
import { type LockSurroundings, systemSurroundings } from './lock-surroundings.js';

const RETRY_MS = 50;
const NAME = /^lock\.(\d+)$/;

export interface FolderLock {
  /** Lets the folder go. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** What others are told of the holder. */
  readonly info: Readonly<Record<string, string>>;
  /** How long to wait for a holder to let go. */
  readonly waitMs?: number;
  /** The boot whose locks are taken over though nobody here can tell whether their processes live. */
  readonly takeOver?: string | undefined;
  readonly surroundings?: LockSurroundings;
}

/** What lies beside a lock's socket, for when the socket says nothing any more. */
interface LockNote extends LockHolder {
  readonly released?: boolean;
}

type Standing =
  | { readonly kind: 'free' }
  | { readonly kind: 'held'; readonly holder: LockHolder }
  | { readonly kind: 'elsewhere'; readonly holder: LockHolder };

/**
 * Keeps a folder for this process by a unix socket in it. The kernel ends the socket with its process, so kill -9 leaves
 * nothing to clean up, a stopped process still holds its lock, and other PID namespaces see the same. Of two kernels on
 * one file system neither can tell whether the other's process lives; there a lock of another boot stands until it was
 * released, or is taken over by name.
 *
 * Locks are numbered, and the greatest number counts. A number is linked only by who found the one below it ended, while
 * its own socket listens already; whoever sees a greater number after that gives way. The greatest is never removed, so
 * of any comers that find the same ended socket, one gets the folder.
 * @throws FolderInUseError, FolderLockedElsewhereError, FolderLockError
 */
export async function acquireFolderLock(folder: string, options: LockOptions): Promise<FolderLock> {
  const { info, waitMs = 0, takeOver, surroundings = systemSurroundings() } = options;
  const { host, boot } = surroundings;
  const holder: LockHolder = { pid: process.pid, host, boot, info };
  const sockets = await openSocketFolder(folder);
  const untilMs = Date.now() + waitMs;
  try {
    for (;;) {
      const number = await greatest(folder);
      const standing = await standingOf(folder, sockets, number, surroundings);
      if (standing.kind === 'free' || (standing.kind === 'elsewhere' && takeOver === bootName(standing.holder))) {
        const server = await tryTake(folder, sockets, number + 1, holder);
        if (server !== undefined) return lockOf(folder, sockets, number + 1, holder, server);
      } else if (standing.kind === 'elsewhere') throw new FolderLockedElsewhereError(folder, standing.holder);
      else if (Date.now() >= untilMs) throw new FolderInUseError(folder, standing.holder);
      else await delay(RETRY_MS);
    }
  } catch (error) {
    await sockets.close();
    throw error;
  }
}

async function standingOf(
  folder: string,
  sockets: SocketFolder,
  number: number,
  surroundings: LockSurroundings,
): Promise<Standing> {
  if (number === 0) return { kind: 'free' };
  const listener = await askListener(sockets.path(`lock.${number}`));
  const note = await readNote(folder, number);
  if (listener.kind === 'listening') return { kind: 'held', holder: parse(listener.text) ?? note ?? UNKNOWN };
  // A name that is gone had a greater one beside it: the next attempt meets that.
  if (listener.kind === 'gone' || note?.released === true) return { kind: 'free' };
  if (note?.boot !== undefined && note.boot === surroundings.boot) return { kind: 'free' };
  return (await surroundings.isShared(folder)) ? { kind: 'elsewhere', holder: note ?? UNKNOWN } : { kind: 'free' };
}

const UNKNOWN: LockHolder = { pid: undefined, host: undefined, boot: undefined, info: {} };

/** Undefined when somebody else was faster. */
async function tryTake(
  folder: string,
  sockets: SocketFolder,
  number: number,
  holder: LockHolder,
): Promise<Server | undefined> {
  const draft = `lock.draft.${process.pid}.${Math.random().toString(36).slice(2, 10)}`;
  const server = await listen(folder, sockets.path(draft), JSON.stringify(holder));
  const own = join(folder, `lock.${number}`);
  try {
    await link(join(folder, draft), own);
    if ((await greatest(folder)) === number) {
      await clear(folder, number);
      await writeNote(folder, number, holder);
      return server;
    }
    await rm(own, { force: true });
  } catch (error) {
    // ENOENT: who got the folder has cleared the drafts.
    if (!['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      server.close();
      throw new FolderLockError(folder, error);
    }
  } finally {
    await rm(join(folder, draft), { force: true });
  }
  server.close();
  return undefined;
}

async function listen(folder: string, path: string, text: string): Promise<Server> {
  try {
    return await listenOn(path, text);
  } catch (error) {
    throw new FolderLockError(folder, error);
  }
}

function lockOf(folder: string, sockets: SocketFolder, number: number, holder: LockHolder, server: Server): FolderLock {
  return {
    async release() {
      await writeNote(folder, number, { ...holder, released: true });
      await new Promise((closed) => server.close(closed));
      await sockets.close();
    },
  };
}

async function greatest(folder: string): Promise<number> {
  return Math.max(0, ...(await readdir(folder)).map((name) => Number(NAME.exec(name)?.[1] ?? 0)));
}

/** The one before stays, so that nobody who reads the folder's names at this moment misses both. */
async function clear(folder: string, number: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const earlier = Number(/^lock\.(\d+)(\.json(\.new)?)?$/.exec(name)?.[1] ?? number);
    if (earlier < number - 1 || name.startsWith('lock.draft.')) await rm(join(folder, name), { force: true });
  }
}

/** A full disk takes no note: the socket counts, and others are then told less. */
async function writeNote(folder: string, number: number, note: LockNote): Promise<void> {
  try {
    await writeDurably(join(folder, `lock.${number}.json`), JSON.stringify(note));
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function readNote(folder: string, number: number): Promise<LockNote | undefined> {
  try {
    return parse(await readFile(join(folder, `lock.${number}.json`), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined for a text that is not whole. */
function parse(text: string): LockNote | undefined {
  try {
    return JSON.parse(text) as LockNote;
  } catch {
    return undefined;
  }
}
