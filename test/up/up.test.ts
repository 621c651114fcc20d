import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type QuorateProcess, ROOT, runQuorate } from '../support/quorate-process.js';
import { freePorts } from './free-ports.js';
import { isAlive, UpHome } from './up-home.js';

/** Where a process sees which files it has open. */
const onLinux = process.platform === 'linux';
const bash = (command: string) => promisify(execFile)('bash', ['-c', command]);

/** One home through its life: each test goes on from where the one before it left. */
describe('quorate up', () => {
  let home: UpHome;
  let port: number;
  let up: QuorateProcess;

  beforeAll(async () => {
    home = await UpHome.make();
    // Two coordinators run on it in the end.
    port = await freePorts(2);
  });
  afterAll(() => home.remove());

  const start = async (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
    up = await home.start(['--listen', `127.0.0.1:${port}`, ...args], { env });
  };
  const pidsOfAll = () => [...home.parts().values(), home.postgresPid()];
  const get = (key: string) => runQuorate(['kv', 'get', 'demo', key, '--server', `http://127.0.0.1:${port}`]);
  const put = (key: string, text: string) =>
    runQuorate(['kv', 'put', 'demo', key, text, '--server', `http://127.0.0.1:${port}`]);

  it('starts everything, and prints two commands that run when they are copied', async () => {
    const recorder = join(ROOT, 'test/support/record-flushes.js');
    const recorded = { NODE_OPTIONS: `--import ${recorder}`, FLUSHES_FILE: join(home.folder, 'flushes') };
    await start([], onLinux ? recorded : {});
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

  it.skipIf(!onLinux)('has flushed what the next start rests on: each file, then the folder that names it', () => {
    const lines = readFileSync(join(home.folder, 'flushes'), 'utf8').trimEnd().split('\n');
    const flushes = lines.map((line) => JSON.parse(line) as { readonly path: string; readonly names: string[] });
    const names = ['cluster.json', 'cluster-secret', 'postgres-password'].map((name) => join(home.path, name));
    for (const path of [...names, join(home.path, 'lock.1.json'), join(home.path, 'nodes/node-1/lock.1.json')]) {
      const draft = flushes.findIndex((flushed) => flushed.path === `${path}.new`);
      expect(draft, path).toBeGreaterThanOrEqual(0);
      const named = (one: (typeof flushes)[number]) => one.path === dirname(path) && one.names.includes(basename(path));
      expect(flushes.slice(draft).some(named), path).toBe(true);
    }
    const made = [
      '',
      'nodes',
      'nodes/node-1',
      'nodes/node-1/records',
      'nodes/node-1/records/data.mdb',
      'postgres/data',
    ];
    for (const path of made.map((name) => join(home.path, name))) {
      const named = flushes.some((one) => one.path === dirname(path) && one.names.includes(basename(path)));
      expect(named, path).toBe(true);
    }
  });

  it('keeps JSON logs of every part in the home', () => {
    for (const part of ['coordinator-1', 'node-1', 'node-2', 'node-3']) {
      for (const line of home.logLines(part)) {
        expect(JSON.parse(line)).toMatchObject({
          level: expect.any(Number),
          time: expect.any(String),
          msg: expect.any(String),
        });
      }
    }
  });

  it('refuses a second start on the same home, naming pid and address', async () => {
    const second = await runQuorate(['up', '--home', home.path, '--listen', `127.0.0.1:${await freePorts(1)}`]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`process ${up.pid}, at 127.0.0.1:${port}`);
  });

  it('names the flag for a port that is taken', async () => {
    const other = await runQuorate(['up', '--home', join(home.folder, 'other'), '--listen', `127.0.0.1:${port}`]);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain(`--listen: 127.0.0.1:${port} is in use by another program`);
  });

  it('starts a storage node again that was killed, with one line, and writes go on meanwhile', async () => {
    process.kill(home.parts().get('node-2') ?? Number.NaN, 'SIGKILL');
    expect((await put('meanwhile', 'written')).code).toBe(0);
    await eventually(() => up.stdout().includes('storage node node-2 ended (SIGKILL); starting it again'));
    await eventually(async () => {
      const { stdout } = await runQuorate(['node', 'list', '--server', `http://127.0.0.1:${port}`]);
      return (stdout.match(/ up /g) ?? []).length === 3;
    }, 20_000);
    expect(up.stdout().match(/starting it again/g)).toHaveLength(1);
  });

  it('goes on when nobody reads its output any more, and a terminal that is closed stops it in order', async () => {
    up.closeOutput();
    process.kill(home.parts().get('node-3') ?? Number.NaN, 'SIGKILL');
    await eventually(async () => {
      const { stdout } = await runQuorate(['node', 'list', '--server', `http://127.0.0.1:${port}`]);
      return (stdout.match(/ up /g) ?? []).length === 3;
    }, 20_000);
    const pids = pidsOfAll();
    up.kill('SIGHUP');
    expect(await up.exited).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
    await start();
  });

  it('stops in order on Ctrl-C and leaves nothing running', async () => {
    const pids = pidsOfAll();
    expect(pids).toHaveLength(5);
    // A terminal sends it to npm and to this program, and npm passes its own on.
    up.kill('SIGINT');
    up.kill('SIGINT');
    expect(await up.exited).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(home.path)).not.toContain('lock.json');
    const lastMs = (part: string, words: string) =>
      timeMs(home.logLines(part).findLast((line) => line.includes(words)));
    const stoppedMs = lastMs('coordinator-1', '"the coordinator has stopped"');
    const nodesMs = ['node-1', 'node-2', 'node-3'].map((node) => lastMs(node, '"stopping"'));
    expect(Math.min(...nodesMs)).toBeGreaterThanOrEqual(stoppedMs);
    expect(lastMs('postgres', 'received fast shutdown request')).toBeGreaterThanOrEqual(Math.max(...nodesMs));
    expect(home.logLines('postgres').at(-1)).toContain('database system is shut down');
  });

  it('refuses another number of nodes than the home has, and says what to do instead', async () => {
    const other = await runQuorate(['up', '--home', home.path, '--nodes', '5']);
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
    const killed = pidsOfAll();
    expect(killed).toHaveLength(6);
    up.kill('SIGKILL');
    await up.exited;
    await start();
    expect(killed.filter(isAlive)).toEqual([]);
    expect((await get('last')).stdout).toBe('words');
    expect((await get('greeting')).stdout).toBe('hello');
    const pids = pidsOfAll();
    up.kill('SIGTERM');
    expect(await up.exited).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

/** When a line was logged; PostgreSQL's lines begin with the time, in UTC. */
function timeMs(line = ''): number {
  const [, day, time] = /(\d{4}-\d\d-\d\d)[T ]([\d:.]+)/.exec(line) ?? [];
  return Date.parse(`${day}T${time}Z`);
}
