import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processIdentity } from '../../adapters/system/process-identity.js';

/** Parts end by themselves when the process that started them is gone; this long they may take. */
const GRACE_MS = 5000;
const POLL_MS = 20;

interface PartRecord {
  readonly pid: number;
  readonly identity: string | undefined;
}

/** Remembers a part's process for the next start. */
export async function recordPart(runFolder: string, name: string, pid: number): Promise<void> {
  const record: PartRecord = { pid, identity: processIdentity(pid) };
  await writeFile(join(runFolder, `${name}.json`), JSON.stringify(record), { mode: 0o600 });
}

/** Waits until every part of an earlier run is gone, and ends those that don't go. */
export async function awaitLeftOverParts(runFolder: string): Promise<void> {
  const untilMs = Date.now() + GRACE_MS;
  for (const file of await readdir(runFolder)) {
    const path = join(runFolder, file);
    const record = await readRecord(path);
    while (record !== undefined && isAlive(record)) {
      if (Date.now() > untilMs) kill(record.pid);
      await delay(POLL_MS);
    }
    await rm(path, { force: true });
  }
}

function isAlive({ pid, identity }: PartRecord): boolean {
  return identity !== undefined && processIdentity(pid) === identity;
}

/** A record that a kill -9 left half written names nobody that could be told from somebody else. */
async function readRecord(path: string): Promise<PartRecord | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as PartRecord;
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone meanwhile.
  }
}
