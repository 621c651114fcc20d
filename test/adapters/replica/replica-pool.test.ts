import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectTransport } from '../../../src/adapters/replica/connect-transport.js';
import { Introduction } from '../../../src/adapters/replica/introduction.js';
import { ReplicaPool } from '../../../src/adapters/replica/replica-pool.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { systemRandom } from '../../../src/adapters/system/system-random.js';
import { type RunningStorageNode, startStorageNode } from '../../../src/compose/start-storage-node.js';
import { recordOf } from '../../../src/domain/record.js';
import { type StorageNode, snapshotOf, type Tenant, type TopologySnapshot } from '../../../src/domain/topology.js';
import { encodeRecord } from '../../../src/wire/record-format.js';
import { encodeStorageKey } from '../../../src/wire/storage-key.js';
import { eventually } from '../../support/eventually.js';
import { silentLog } from '../../support/silent-log.js';

const SECRET = Buffer.from('a secret of this cluster');
const CLUSTER = 'cluster-1';
const TENANT: Tenant = { tenantId: 'demo', number: 1, replicationFactor: 1, createdAt: 1, updatedAt: 1 };
const OPERATION = {
  epoch: 1,
  replicationFactor: 1,
  storageKey: encodeStorageKey({ tenantNumber: 1, token: 5n, key: Buffer.from('k') }),
};

describe('a real storage node behind its stream', () => {
  let folder: string;
  let node: RunningStorageNode;
  let pool: ReplicaPool | undefined;
  const newerEpochs: number[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-pool-'));
    node = await start();
  });

  afterEach(async () => {
    pool?.close();
    pool = undefined;
    await node.close();
    await rm(folder, { recursive: true, force: true });
  });

  const start = (port = 0, dataFolder = join(folder, 'data')) =>
    startStorageNode({
      nodeId: 'n1',
      dataFolder,
      host: '127.0.0.1',
      port,
      clusterSecret: SECRET,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      onFailure: (failure) => expect.fail(String(failure)),
    });
  const snapshot = (epoch = 1, members: readonly Partial<StorageNode>[] = [{}]): TopologySnapshot => {
    const own: StorageNode = {
      nodeId: 'n1',
      host: node.host,
      port: node.port,
      virtualNodes: 8,
      zone: '',
      status: 'active',
      storeId: node.storeId,
    };
    return snapshotOf({ epoch, nodes: members.map((member) => ({ ...own, ...member })), tenants: [TENANT] });
  };
  const parts = (secret: Uint8Array = SECRET, clusterId = CLUSTER) => ({
    transport: connectTransport,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    greeting: { actor: 'c@1', clusterId, clusterSecret: secret },
  });
  const connect = async (topology: TopologySnapshot, usable = true) => {
    pool = new ReplicaPool({ ...parts(), onNewerEpoch: (_, epoch) => newerEpochs.push(epoch) }, topology);
    pool.update(topology);
    const opened = pool;
    if (usable) await eventually(() => opened.state('n1').usable === true);
    return opened;
  };
  const soon = () => systemClock.monotonicMs() + 2000;
  const encoded = (timestamp: number, text: string) => {
    const record = recordOf({ actor: 'c@1', timestamp }, Buffer.from(text));
    return { bytes: encodeRecord(record), clock: record.clock };
  };

  it('takes a write, tells it again, and remembers both over a restart', async () => {
    let streams = await connect(snapshot());
    expect(await streams.read('n1', OPERATION, false, soon())).toEqual({ kind: 'read', reading: { kind: 'absent' } });
    const written = await streams.write('n1', OPERATION, encoded(10, 'hello'), soon());
    expect(written).toEqual({ kind: 'held', clock: [{ actor: 'c@1', timestamp: 10 }] });
    expect(await streams.write('n1', OPERATION, encoded(9, 'older'), soon())).toMatchObject({ kind: 'passed' });
    const { port } = node;
    await node.close();
    node = await start(port);
    streams = await connect(snapshot());
    const read = await streams.read('n1', OPERATION, false, soon());
    expect(read).toMatchObject({ reading: { record: { version: { value: Buffer.from('hello') } } } });
    const head = await streams.read('n1', OPERATION, true, soon());
    expect(head).toEqual({ kind: 'read', reading: { kind: 'head', clock: [{ actor: 'c@1', timestamp: 10 }] } });
    expect(await streams.ask('n1', 1, soon())).toMatchObject({ kind: 'told', greatestTimestampUs: 10 });
    expect(await streams.describe('n1', soon())).toMatchObject({ kind: 'described', keysCount: 1 });
  });

  it('refuses what is planned for an older epoch than it has seen, also after a restart', async () => {
    const streams = await connect(snapshot(5));
    await streams.write('n1', { ...OPERATION, epoch: 5 }, encoded(10, 'hello'), soon());
    expect(await streams.write('n1', OPERATION, encoded(11, 'stale'), soon())).toEqual({ kind: 'fenced', epoch: 5 });
    const { port } = node;
    await node.close();
    node = await start(port);
    const stale = await connect(snapshot(1));
    expect(await stale.read('n1', OPERATION, false, soon())).toEqual({ kind: 'fenced', epoch: 5 });
    expect(newerEpochs).toContain(5);
  });

  it('tells of an epoch that a coordinator missed in the handshake, and to one that is idle', async () => {
    const idle = await connect(snapshot(1));
    const newest = await connect(snapshot(5));
    newerEpochs.length = 0;
    await eventually(() => newerEpochs.includes(5));
    idle.close();
    newerEpochs.length = 0;
    (await connect(snapshot(4))).close();
    expect(newerEpochs).toEqual([5]);
    newest.close();
  });

  it('refuses keys that it is no replica of instead of calling them absent', async () => {
    const others = [{}, { nodeId: 'n2', port: 1 }, { nodeId: 'n3', port: 2 }];
    const streams = await connect(snapshot(1, others));
    const readings = await Promise.all(
      Array.from({ length: 16 }, (_, i) => {
        const storageKey = encodeStorageKey({ tenantNumber: 1, token: BigInt(i) << 60n, key: Buffer.from('k') });
        return streams.read('n1', { ...OPERATION, storageKey }, false, soon());
      }),
    );
    expect(new Set(readings.map(({ kind }) => kind))).toEqual(new Set(['read', 'refused']));
    const whole = await streams.read('n1', { ...OPERATION, replicationFactor: 3 }, false, soon());
    expect(whole.kind).toBe('read');
  });

  it('does not vote with another data folder than the registered one', async () => {
    const streams = await connect(snapshot(1, [{ storeId: 'another' }]), false);
    await eventually(() => String(streams.state('n1').usable).includes('does not vote'));
    expect(await streams.read('n1', OPERATION, false, soon())).toMatchObject({ kind: 'failed', sent: false });
  });

  it('is introduced once its secret, id and cluster are right, and says what is wrong else', async () => {
    const address = { host: node.host, port: node.port };
    const meet = (nodeId: string, secret?: Uint8Array, clusterId?: string) =>
      new Introduction({ ...parts(secret, clusterId), topology: () => snapshot(0, []) }).introduce(
        nodeId,
        address,
        false,
      );
    await expect(meet('n1', Buffer.from('another secret'))).rejects.toThrow('another cluster secret');
    await expect(meet('n2')).rejects.toThrow('it is storage node "n1", not "n2"');
    expect(await meet('n1')).toEqual({ storeId: node.storeId });
    await expect(meet('n1', SECRET, 'cluster-2')).rejects.toThrow('belongs to another cluster');
    address.port = 1;
    await expect(meet('n1')).rejects.toThrow('ECONNREFUSED');
  });

  it('forgets the records but not the greatest timestamp of a folder that joins anew', async () => {
    const streams = await connect(snapshot(1));
    await streams.write('n1', OPERATION, encoded(10, 'hello'), soon());
    const address = { host: node.host, port: node.port };
    const member = new Introduction({ ...parts(), topology: () => snapshot(1) });
    await expect(member.introduce('n1', address, false)).rejects.toThrow('is a member');
    const stranger = new Introduction({ ...parts(), topology: () => snapshot(2, []) });
    await stranger.introduce('n1', address, false);
    const again = await connect(snapshot(3));
    const operation = { ...OPERATION, epoch: 3 };
    expect(await again.read('n1', operation, false, soon())).toEqual({ kind: 'read', reading: { kind: 'absent' } });
    expect(await again.ask('n1', 3, soon())).toMatchObject({ kind: 'told', greatestTimestampUs: 10 });
  });

  it('fails what is unanswered at once when the stream breaks, and connects again', async () => {
    const streams = await connect(snapshot());
    const { port } = node;
    await node.close();
    await eventually(() => streams.state('n1').usable !== true);
    const failed = await streams.write('n1', OPERATION, encoded(10, 'hello'), soon());
    expect(failed).toMatchObject({ kind: 'failed', sent: false });
    node = await start(port);
    await eventually(() => streams.state('n1').usable === true);
    expect(await streams.write('n1', OPERATION, encoded(10, 'hello'), soon())).toMatchObject({ kind: 'held' });
  });

  it('refuses a second process on its data folder', async () => {
    const other = join(folder, 'data');
    await expect(
      startStorageNode({
        nodeId: 'n2',
        dataFolder: other,
        host: '127.0.0.1',
        port: 0,
        clusterSecret: SECRET,
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
        lockWaitMs: 0,
        onFailure: () => {},
      }),
    ).rejects.toThrow('is in use by process');
  });
});
