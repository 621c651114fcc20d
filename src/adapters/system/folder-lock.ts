import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processIdentity } from './process-identity.js';

const LOCK_FILE = 'lock.json';
const RETRY_MS = 50;

export interface LockHolder {
  readonly pid: number;
  readonly info: Readonly<Record<string, string>>;
}

export interface FolderLock {
  /** Lets the folder go, and keeps nobody else's lock from standing. */
  release(): Promise<void>;
}

export class FolderInUseError extends Error {
  readonly holder: LockHolder;

  constructor(folder: string, holder: LockHolder) {
    super(`${folder} is in use by process ${holder.pid}`);
    this.name = 'FolderInUseError';
    this.holder = holder;
  }
}

interface LockContent extends LockHolder {
  readonly identity: string;
}

/**
 * Keeps a folder for this process. A lock whose process is gone (also when its pid lives on as another's) is taken over,
 * so kill -9 leaves nothing to clean up; a stopped process still holds its own.
 * @param info what others are told of the holder
 * @param waitMs how long to wait for a holder to let go
 * @throws FolderInUseError
 */
export async function acquireFolderLock(
  folder: string,
  info: Readonly<Record<string, string>>,
  waitMs = 0,
): Promise<FolderLock> {
  const path = join(folder, LOCK_FILE);
  const content: LockContent = { pid: process.pid, identity: processIdentity(process.pid) ?? '', info };
  const untilMs = Date.now() + waitMs;
  for (;;) {
    if (await tryLink(path, content)) return { release: () => release(path, content) };
    const holder = await readLock(path);
    if (holder === undefined) continue;
    if (processIdentity(holder.pid) !== holder.identity) await removeStale(path, holder);
    else if (Date.now() >= untilMs) throw new FolderInUseError(folder, holder);
    else await delay(RETRY_MS);
  }
}

/** A link appears whole or not at all. */
async function tryLink(path: string, content: LockContent): Promise<boolean> {
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, JSON.stringify(content), { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Two who find the same stale lock: only one's rename meets it, the other puts back what it took by mistake. */
async function removeStale(path: string, stale: LockContent): Promise<void> {
  const aside = `${path}.stale.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    await rename(path, aside);
    const taken = await readLock(aside);
    if (taken !== undefined && (taken.pid !== stale.pid || taken.identity !== stale.identity)) await link(aside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function readLock(path: string): Promise<LockContent | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LockContent;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // Locks are linked whole, so something else wrote this; nobody can be asked whether it is in use.
    if (error instanceof SyntaxError) return { pid: 0, identity: 'unreadable', info: {} };
    throw error;
  }
}

async function release(path: string, content: LockContent): Promise<void> {
  const holder = await readLock(path);
  if (holder?.pid === content.pid && holder.identity === content.identity) await rm(path, { force: true });
}
