import { execFileSync } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/**
 * Stops the server that an earlier, killed process left running on the data folder. A stale pid file, or one whose pid
 * is somebody else's by now, means nothing.
 */
export async function stopLeftoverServer(dataFolder: string): Promise<boolean> {
  const pid = await postmasterPid(dataFolder);
  if (pid === undefined || !(await servesFolder(pid, dataFolder))) return false;
  const untilMs = Date.now() + STOP_TIMEOUT_MS;
  // SIGINT is PostgreSQL's fast shutdown; a stopped process must go on to take it.
  signal(pid, 'SIGINT');
  signal(pid, 'SIGCONT');
  while (await servesFolder(pid, dataFolder)) {
    if (Date.now() > untilMs) signal(pid, 'SIGQUIT');
    if (Date.now() > untilMs + STOP_TIMEOUT_MS)
      throw new Error(`PostgreSQL (pid ${pid}) of an earlier run does not stop`);
    await delay(POLL_MS);
  }
  return true;
}

async function postmasterPid(dataFolder: string): Promise<number | undefined> {
  try {
    const [line] = (await readFile(join(dataFolder, 'postmaster.pid'), 'utf8')).split('\n');
    const pid = Number(line);
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** The postmaster's working directory is its data folder. */
async function servesFolder(pid: number, dataFolder: string): Promise<boolean> {
  try {
    if (process.platform === 'linux') return (await readlink(`/proc/${pid}/cwd`)) === dataFolder;
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(dataFolder);
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone meanwhile.
  }
}
