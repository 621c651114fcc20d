import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type QuorateProcess, runQuorate } from '../support/quorate-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { freePorts } from './free-ports.js';
import { isAlive, UpHome } from './up-home.js';

/** On a PostgreSQL that runs already, so that nothing but this program's own parts is started. */
describe('quorate up --coordinators 2 --nodes 1', () => {
  let home: UpHome;
  let database: TestDatabase;
  let port: number;
  let up: QuorateProcess;

  beforeAll(async () => {
    home = await UpHome.make();
    database = await createTestDatabase();
    port = await freePorts(2);
    const flags = ['--coordinators', '2', '--nodes', '1', '--listen', `127.0.0.1:${port}`];
    up = await home.start(flags, { env: { DATABASE_URL: database.settings.url } });
  });
  afterAll(async () => {
    await home.remove();
    await database.drop();
  });

  const on = (coordinator: number, ...args: readonly string[]) =>
    runQuorate([...args, '--server', `http://127.0.0.1:${port + coordinator}`]);

  it('names both addresses and the one storage node, and starts no PostgreSQL beside the given one', () => {
    const urls = `http://127.0.0.1:${port}, http://127.0.0.1:${port + 1}`;
    expect(up.stdout()).toContain(`Quorate is up: ${urls} (1 storage node, tenant "demo")`);
    expect([...home.parts().keys()].sort()).toEqual(['coordinator-1', 'coordinator-2', 'node-1']);
    expect(readdirSync(home.path).filter((name) => name.startsWith('postgres'))).toEqual([]);
  });

  it('reads on one coordinator what was written on the other, with one replica', async () => {
    expect((await on(0, 'kv', 'put', 'demo', 'k', 'from the first')).code).toBe(0);
    expect((await on(1, 'kv', 'get', 'demo', 'k')).stdout).toBe('from the first');
    expect((await on(1, 'kv', 'put', 'demo', 'k', 'from the second', '--consistency', 'all')).code).toBe(0);
    expect((await on(0, 'kv', 'get', 'demo', 'k')).stdout).toBe('from the second');
    const tenant = await on(1, 'tenant', 'get', 'demo', '--json');
    expect(JSON.parse(tenant.stdout)).toMatchObject({ tenantId: 'demo', replicationFactor: 1 });
  });

  it('stops every part when it is told to, and leaves the given PostgreSQL running', async () => {
    const pids = [...home.parts().values()];
    expect(pids.filter(isAlive)).toHaveLength(3);
    up.kill('SIGTERM');
    expect(await up.exited).toEqual({ code: 0, signal: null });
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await runQuorate(['migrate'], { env: { DATABASE_URL: database.settings.url } })).code).toBe(0);
  });

  it('refuses a list of node ports that is not as long as there are nodes', async () => {
    const flags = ['--node-ports', '7001,7002', '--listen', `127.0.0.1:${port}`];
    const { code, stderr } = await runQuorate(['up', '--home', home.path, ...flags]);
    expect(code).toBe(1);
    expect(stderr).toContain('--node-ports must name 1 ports');
  });
});
