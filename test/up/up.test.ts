import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { killAll, type QuorateProcess, runQuorate, startQuorate } from '../support/quorate-process.js';

const bash = (command: string) => promisify(execFile)('bash', ['-c', command]);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** One home through its life: each test goes on from where the one before it left. */
describe('quorate up', () => {
  let folder: string;
  let home: string;
  let port: number;
  let up: QuorateProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-up-'));
    home = join(folder, 'home');
    port = await freePort();
  });
  afterAll(async () => {
    // Parts end by themselves when whoever started them is gone; PostgreSQL's next start would end a left-over one.
    const pids = leftPids();
    await killAll();
    for (const pid of pids) kill(pid);
    await eventually(() => pids.every((pid) => !isAlive(pid)));
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (args: readonly string[] = []) => {
    up = startQuorate(['up', '--home', home, '--listen', `127.0.0.1:${port}`, ...args]);
    await eventually(async () => {
      if (up.stdout().includes('Ctrl-C stops everything')) return true;
      if (!isAlive(up.pid)) throw new Error(`it ended: ${up.stdout()} ${up.stderr()}`);
      return false;
    }, 60_000);
  };
  const partPids = () =>
    readdirSync(join(home, 'run')).map((file) => Number(JSON.parse(readFileSync(join(home, 'run', file), 'utf8')).pid));
  const postgresPid = () => Number(readFileSync(join(postgresFolder(), 'postmaster.pid'), 'utf8').split('\n')[0]);
  const postgresFolder = () => /PostgreSQL's data is in (.*)/.exec(up.stdout())?.[1] ?? join(home, 'postgres/data');
  const leftPids = () => {
    try {
      return [...partPids(), postgresPid()];
    } catch {
      return [];
    }
  };
  const get = (key: string) => runQuorate(['kv', 'get', 'demo', key, '--server', `http://127.0.0.1:${port}`]);
  const put = (key: string, text: string) =>
    runQuorate(['kv', 'put', 'demo', key, text, '--server', `http://127.0.0.1:${port}`]);

  it('starts everything, and prints two commands that run when they are copied', async () => {
    await start();
    expect(up.stdout()).toContain(`Quorate is up: http://127.0.0.1:${port} (3 storage nodes, tenant "demo")`);
    expect(up.stdout().split('\n').length).toBeLessThan(12);
    const [write = '', read = ''] = up.stdout().match(/^ {2}curl .*$/gm) ?? [];
    expect(JSON.parse((await bash(write)).stdout)).toMatchObject({
      success: true,
      key: 'greeting',
      consistency: 'quorum',
    });
    expect((await bash(read)).stdout).toBe('hello');
    expect((await get('greeting')).stdout).toBe('hello');
    expect(await runQuorate(['tenant', 'get', 'demo', '--server', `http://127.0.0.1:${port}`])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('3'),
    });
    const nodes = await runQuorate(['node', 'list', '--server', `http://127.0.0.1:${port}`]);
    expect(nodes.stdout.match(/^node-\d .* active +up /gm)).toHaveLength(3);
  });

  it('keeps JSON logs of every part in the home', () => {
    for (const part of ['coordinator-1', 'node-1', 'node-2', 'node-3']) {
      const [line = ''] = readFileSync(join(home, 'logs', `${part}.log`), 'utf8').split('\n');
      expect(JSON.parse(line)).toMatchObject({
        level: expect.anything(),
        time: expect.any(String),
        msg: expect.any(String),
      });
    }
  });

  it('refuses a second start on the same home, naming pid and address', async () => {
    const second = await runQuorate(['up', '--home', home, '--listen', `127.0.0.1:${await freePort()}`]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`process ${up.pid}, at 127.0.0.1:${port}`);
  });

  it('names the flag for a port that is taken', async () => {
    const other = await runQuorate(['up', '--home', join(folder, 'other'), '--listen', `127.0.0.1:${port}`]);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain(`--listen: 127.0.0.1:${port} is in use by another program`);
  });

  it('starts a storage node again that was killed, with one line, and writes go on meanwhile', async () => {
    const pid = Number(JSON.parse(readFileSync(join(home, 'run/node-2.json'), 'utf8')).pid);
    process.kill(pid, 'SIGKILL');
    expect((await put('meanwhile', 'written')).code).toBe(0);
    await eventually(() => up.stdout().includes('storage node node-2 ended (SIGKILL); starting it again'));
    await eventually(async () => {
      const { stdout } = await runQuorate(['node', 'list', '--server', `http://127.0.0.1:${port}`]);
      return (stdout.match(/ up /g) ?? []).length === 3;
    }, 20_000);
    expect(up.stdout().match(/starting it again/g)).toHaveLength(1);
  });

  it('stops in order on Ctrl-C and leaves nothing running', async () => {
    const pids = [...partPids(), postgresPid()];
    expect(pids).toHaveLength(5);
    // A terminal sends it to npm and to this program, and npm passes its own on.
    up.kill('SIGINT');
    up.kill('SIGINT');
    expect(await up.exited).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(home)).not.toContain('lock.json');
  });

  it('refuses another number of nodes than the home has, and says what to do instead', async () => {
    const other = await runQuorate(['up', '--home', home, '--nodes', '5']);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain('--nodes');
    expect(other.stderr).toContain('--home');
  });

  it('goes on with the same data, and after kill -9 there is nothing to clean up', async () => {
    await start(['--coordinators', '2']);
    expect((await get('greeting')).stdout).toBe('hello');
    const second = await runQuorate(['kv', 'get', 'demo', 'meanwhile', '--server', `http://127.0.0.1:${port + 1}`]);
    expect(second.stdout).toBe('written');
    expect((await put('last', 'words')).code).toBe(0);
    up.kill('SIGKILL');
    await up.exited;
    await start();
    expect((await get('last')).stdout).toBe('words');
    expect((await get('greeting')).stdout).toBe('hello');
    const pids = [...partPids(), postgresPid()];
    up.kill('SIGTERM');
    expect(await up.exited).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}
