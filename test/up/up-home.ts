import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processIdentity } from '../../src/adapters/system/process-identity.js';
import { eventually } from '../support/eventually.js';
import { killAll, type QuorateProcess, type StartOptions, startQuorate } from '../support/quorate-process.js';

/** A folder of a test's own for `quorate up --home`, and whatever runs on it. */
export class UpHome {
  readonly folder: string;
  readonly path: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, 'checkout/.quorate');
  }

  /** @param mode of the folder above: where root keeps others out, PostgreSQL's data lies elsewhere */
  static async make(mode = 0o711): Promise<UpHome> {
    const home = new UpHome(await mkdtemp(join(tmpdir(), 'quorate-up-')));
    await mkdir(join(home.folder, 'checkout'), { mode: 0o755 });
    await chmod(home.folder, mode);
    return home;
  }

  /** Starts it, and waits until it has said that it is up. */
  async start(args: readonly string[], options: StartOptions = {}): Promise<QuorateProcess> {
    const up = startQuorate(['up', '--home', this.path, ...args], options);
    const ended = up.exited.then(() => Promise.reject(new Error(`it ended: ${up.stdout()} ${up.stderr()}`)));
    await Promise.race([eventually(() => up.stdout().includes('Ctrl-C stops everything'), 60_000), ended]);
    ended.catch(() => {});
    return up;
  }

  /** The coordinators' and storage nodes' processes, by name. */
  parts(): ReadonlyMap<string, number> {
    return new Map(this.#records().map(({ name, pid }) => [name, pid]));
  }

  postgresPid(): number {
    return Number(this.#postmasterLines()[0]);
  }

  /** Below the home, unless the home names another place. */
  postgresFolder(): string {
    return join(this.#elsewhere() ?? this.path, 'postgres');
  }

  logLines(part: string): readonly string[] {
    return readFileSync(join(this.path, 'logs', `${part}.log`), 'utf8')
      .trimEnd()
      .split('\n');
  }

  /** Ends what is left, also after a failure, and removes what it kept. */
  async remove(): Promise<void> {
    const left = this.#left();
    // A server that is killed leaves the folder of its socket, outside the home: the fifth line names it.
    const socketFolder = this.#postmasterLines()[4] ?? '';
    await killAll();
    for (const pid of left) endNow(pid);
    await eventually(() => !left.some(isAlive));
    for (const path of [this.#elsewhere() ?? '', socketFolder, this.folder].filter((each) => each !== '')) {
      await rm(path, { recursive: true, force: true });
    }
  }

  /** A pid that was written down may be somebody else's by now: only processes known to be of this home count. */
  #left(): readonly number[] {
    const parts = this.#records().filter(({ pid, identity }) => processIdentity(pid) === identity);
    const pids = parts.map(({ pid }) => pid);
    try {
      const pid = this.postgresPid();
      if (Number.isNaN(pid)) return pids;
      const command = execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
      return command.includes(this.postgresFolder()) ? [...pids, pid] : pids;
    } catch {
      // There is no such process.
      return pids;
    }
  }

  #records(): readonly { readonly name: string; readonly pid: number; readonly identity: string }[] {
    try {
      const run = join(this.path, 'run');
      const files = readdirSync(run);
      return files.map((file) => ({
        name: file.replace('.json', ''),
        ...JSON.parse(readFileSync(join(run, file), 'utf8')),
      }));
    } catch {
      // It never came so far.
      return [];
    }
  }

  /** None when the server stopped in order, or never ran. */
  #postmasterLines(): readonly string[] {
    try {
      return readFileSync(join(this.postgresFolder(), 'data/postmaster.pid'), 'utf8').split('\n');
    } catch {
      return [];
    }
  }

  #elsewhere(): string | undefined {
    try {
      return readFileSync(join(this.path, 'postgres-location'), 'utf8').trim();
    } catch {
      return undefined;
    }
  }
}

export function isAlive(pid: number): boolean {
  return processIdentity(pid) !== undefined;
}

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone meanwhile.
  }
}
