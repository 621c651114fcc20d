import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = join(ROOT, 'bin/quorate');

export interface QuorateExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface QuorateProcess {
  readonly pid: number;
  /** What it printed so far. */
  stdout(): string;
  stderr(): string;
  readonly exited: Promise<QuorateExit>;
  /** What it told by IPC when it was ready, where it listens: parts only. */
  readonly ready: Promise<{ readonly host: string; readonly port: number }>;
  kill(signal: NodeJS.Signals): void;
  /** Whoever reads its output goes: what it writes from now on meets a closed pipe. */
  closeOutput(): void;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A command that runs the program, as `unshare` does. */
  readonly through?: readonly string[];
}

const running = new Map<ChildProcess, Promise<QuorateExit>>();

/** Starts this program as a user would, in a process group of its own; variables of this process that set it up are left out. */
export function startQuorate(
  args: readonly string[],
  { env = {}, cwd = ROOT, through = [] }: StartOptions = {},
): QuorateProcess {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('QUORATE_') && !name.startsWith('DATABASE_'),
  );
  const [command = process.execPath, ...before] = [...through, process.execPath];
  const child = spawn(command, [...before, PROGRAM, ...args], {
    cwd,
    detached: true,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }) as QuorateExit);
  running.set(child, exited);
  void exited.then(() => running.delete(child));
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const ready = new Promise<{ host: string; port: number }>((resolve, reject) => {
    child.on('message', (message: { ready?: true; host: string; port: number }) => {
      if (message.ready) resolve(message);
    });
    void exited.then(() => reject(new Error(`quorate ${args[0]} ended: ${output.stderr}`)));
  });
  ready.catch(() => {});
  return {
    pid: child.pid ?? 0,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    exited,
    ready,
    kill: (signal) => void child.kill(signal),
    closeOutput: () => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
  };
}

/** Runs a command to its end. */
export async function runQuorate(
  args: readonly string[],
  options: StartOptions = {},
): Promise<QuorateExit & { readonly stdout: string; readonly stderr: string }> {
  const started = startQuorate(args, options);
  const exit = await started.exited;
  return { ...exit, stdout: started.stdout(), stderr: started.stderr() };
}

/** Ends everything that was started here and still runs; for afterEach and afterAll. */
export async function killAll(): Promise<void> {
  const ends = [...running.values()];
  for (const child of running.keys()) child.kill('SIGKILL');
  await Promise.all(ends);
}
