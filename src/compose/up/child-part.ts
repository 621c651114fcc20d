import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../config/env.js';
import type { RunningPart } from './supervised-part.js';

const PROGRAM = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
/** Most objects live no longer than a request: with more room for young ones, fewer are copied for nothing. */
export const PART_FLAGS = ['--max-semi-space-size=64'];
const READY_TIMEOUT_MS = 60_000;
/** Longer than a part's own drain. */
const STOP_TIMEOUT_MS = 15_000;

export interface ChildOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  /** Its JSON lines are appended there. */
  readonly logFile: string;
  /** Called with its pid as soon as it runs. */
  readonly onSpawn: (pid: number) => Promise<void>;
}

export interface ChildPart extends RunningPart {
  readonly host: string;
  readonly port: number;
}

type PartMessage = { readonly ready?: true; readonly host?: string; readonly port?: number; readonly failed?: string };

/**
 * Starts this program as a child of its own process group, so that a Ctrl-C in the terminal does not reach it, and waits
 * until it says that it is ready.
 * @throws Error with what the part said was wrong
 */
export async function startChildPart(options: ChildOptions): Promise<ChildPart> {
  const { name, args, environment, logFile, onSpawn } = options;
  const log = await open(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [...PART_FLAGS, PROGRAM, ...args], {
      detached: true,
      env: environment,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
  } finally {
    await log.close();
  }
  const exited = exitReason(child);
  if (child.pid !== undefined) await onSpawn(child.pid);
  const address = await readyAddress(name, child, exited, logFile);
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  return { ...address, exited, stop, kill: () => void child.kill('SIGKILL') };
}

async function exitReason(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return signal ?? `exit code ${code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function readyAddress(
  name: string,
  child: ChildProcess,
  exited: Promise<string>,
  logFile: string,
): Promise<{ readonly host: string; readonly port: number }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${name} was not ready within ${READY_TIMEOUT_MS / 1000} s: see ${logFile}`));
    }, READY_TIMEOUT_MS);
    const fail = (message: string) => {
      clearTimeout(timer);
      reject(new Error(`${name}: ${message}`));
    };
    child.on('message', ({ ready, host, port, failed }: PartMessage) => {
      if (failed !== undefined) return fail(failed);
      if (ready !== true || host === undefined || port === undefined) return;
      clearTimeout(timer);
      resolve({ host, port });
    });
    void exited.then((reason) => fail(`ended with ${reason}: see ${logFile}`));
  });
}
