import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASE_DEFAULTS, openClient } from '../../src/adapters/postgres/database.js';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/adapters/postgres/embedded/start-embedded-postgres.js';
import { systemRandom } from '../../src/adapters/system/system-random.js';
import { eventually } from '../support/eventually.js';
import { failureOfCall } from '../support/failing-call.js';
import { type CoordinatorClient, ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';

describe('with PostgreSQL away', () => {
  let home: string;
  let postgres: EmbeddedPostgres;
  let cluster: ProcessCluster;
  let client: CoordinatorClient;

  const startPostgres = () =>
    startEmbeddedPostgres({
      home,
      logFile: join(home, 'postgres.log'),
      searchPath: process.env.PATH ?? '',
      random: systemRandom,
    });

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'quorate-away-'));
    await chmod(home, 0o711);
    postgres = await startPostgres();
    cluster = await ProcessCluster.make(postgres.url);
    client = await cluster.startThree();
    await client.createTenant({ tenantId: 't' });
    loads = Promise.all([1, 2, 3, 4].map(load));
    loads.catch(() => {});
  });
  afterAll(async () => {
    loading = false;
    await cluster.remove();
    await killAll();
    await postgres.stop();
    await rm(home, { recursive: true, force: true });
  });

  const write = (text: string, more: object = {}) =>
    client.writeKeyValue({ tenantId: 't', key: 'k', value: Buffer.from(text), ...more });
  /** Plain writes and reads go on all the time, whatever happens to PostgreSQL. */
  let loading = true;
  const load = async (i: number) => {
    let count = 0;
    for (; loading; count++) {
      const key = `load-${i}`;
      await client.writeKeyValue({ tenantId: 't', key, value: Buffer.from(String(count)) });
      const { value } = await client.readKeyValue({ tenantId: 't', key });
      expect(Buffer.from(value).toString()).toBe(String(count));
    }
    return count;
  };
  let loads: Promise<number[]>;

  const read = async () => Buffer.from((await client.readKeyValue({ tenantId: 't', key: 'k' })).value).toString();
  const keyed = (text: string) => write(text, { idempotencyKey: `key of ${text}` });

  /** Reads and writes without client keys go on, all else is unavailable; nothing of it restarts. */
  const expectAway = async () => {
    const { pid } = cluster.coordinator('c1').process;
    const sealed = await write('plain');
    expect(await read()).toBe('plain');
    expect(await write('plain', { idempotencyKey: sealed.idempotencyKey })).toMatchObject({ isDuplicate: true });
    const needing = [
      () => keyed('never'),
      () => client.createTenant({ tenantId: 'u' }),
      () => client.getTenant({ tenantId: 'unknown' }),
    ];
    for (const call of needing) {
      const failure = await failureOfCall(call());
      expect(failure).toMatchObject({ status: 'Unavailable', code: 'INTERNAL_ERROR', retryable: true });
      expect(failure.message).toContain('PostgreSQL');
    }
    expect(await client.getTenant({ tenantId: 't' })).toMatchObject({ replicationFactor: 3 });
    expect((await fetch(`${cluster.coordinator('c1').url}/readyz`)).status).toBe(200);
    expect(process.kill(pid, 0)).toBe(true);
  };
  const expectBack = async (text: string) => {
    await eventually(() => keyed(text));
    expect(await keyed(text)).toMatchObject({ isDuplicate: true });
    expect(await client.createTenant({ tenantId: `tenant-${text}` })).toMatchObject({ success: true });
  };

  it('stopped: what needs it fails with a clear unavailable, all else goes on, and it recovers by itself', async () => {
    await postgres.stop();
    await expectAway();
    postgres = await startPostgres();
    await expectBack('stopped');
  });

  it('killed: the same', async () => {
    postgres.kill();
    await postgres.exited;
    await expectAway();
    postgres = await startPostgres();
    await expectBack('killed');
  });

  it('stopped in the middle of everything, as by SIGSTOP: the same, and statements under way end by their deadline', async () => {
    const pids = await serverPids(postgres);
    for (const pid of pids) signal(pid, 'SIGSTOP');
    try {
      const failure = await failureOfCall(write('never', { idempotencyKey: 'in the middle' }));
      expect(failure).toMatchObject({
        status: expect.stringMatching(/DeadlineExceeded|Unavailable/),
        outcomeUnknown: false,
      });
      await write('plain');
      expect(await read()).toBe('plain');
    } finally {
      for (const pid of pids) signal(pid, 'SIGCONT');
    }
    await expectBack('paused');
    // The statement may have reserved the key after all: that is undone, so the key serves another write at once.
    await eventually(() => write('another', { idempotencyKey: 'in the middle' }));
    expect(await write('another', { idempotencyKey: 'in the middle' })).toMatchObject({ isDuplicate: true });
  });

  it('read-only, as a standby is: writes with client keys are unavailable, and work again afterwards', async () => {
    const admin = openClient({ ...DATABASE_DEFAULTS, url: postgres.url, applicationName: 'tests' });
    const setReadOnly = async (state: 'on' | 'off') => {
      await admin.unsafe('set default_transaction_read_only = off');
      await admin.unsafe(`alter system set default_transaction_read_only = ${state}`);
      await admin.unsafe('select pg_reload_conf()');
    };
    await setReadOnly('on');
    await eventually(async () => (await failureOfCall(keyed(`read-only ${Math.random()}`))).status === 'Unavailable');
    await write('plain');
    expect(await read()).toBe('plain');
    await setReadOnly('off');
    await admin.end();
    await expectBack('read-only');
  });

  it('stopped before a paused coordinator saw that a node had moved: it learns that from the nodes, and serves', async () => {
    const late = await cluster.startCoordinator('c2');
    late.process.kill('SIGSTOP');
    const { process: before, port: left } = cluster.node('n3');
    before.kill('SIGKILL');
    await before.exited;
    const { nodeId, host, port } = await cluster.startNode('n3', 0);
    expect(port).not.toBe(left);
    await client.addStorageNode({ nodeId, host, port });
    await eventually(async () => (await client.listStorageNodes({})).nodes.every(({ health }) => health === 'up'));
    await postgres.stop();
    late.process.kill('SIGCONT');
    const request = { tenantId: 't', key: 'late', value: Buffer.from('late') };
    await eventually(async () => (await late.client.writeKeyValue(request)).success);
    const all = { tenantId: 't', key: 'late', consistency: 'all' };
    await eventually(async () => (await late.client.readKeyValue(all)).success);
    const { nodes } = await late.client.listStorageNodes({});
    expect(nodes.find((node) => node.nodeId === 'n3')).toMatchObject({ host, port, health: 'up' });
    expect((await fetch(`${late.url}/readyz`)).status).toBe(200);
    postgres = await startPostgres();
    await expectBack('missed');
    await eventually(() => late.client.createTenant({ tenantId: 'of-the-late-one' }));
  });

  it('through all of this no plain write or read has failed', async () => {
    loading = false;
    for (const count of await loads) expect(count).toBeGreaterThan(100);
  });
});

/** The postmaster and its children. */
async function serverPids({ pid, url }: EmbeddedPostgres): Promise<number[]> {
  const client = openClient({ ...DATABASE_DEFAULTS, url, applicationName: 'tests' });
  const rows = await client`select pid from pg_stat_activity`;
  await client.end();
  return [pid, ...rows.map((row) => Number(row.pid))];
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // A connection's process may be gone meanwhile.
  }
}
