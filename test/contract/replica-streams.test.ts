import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectTransport } from '../../src/adapters/replica/connect-transport.js';
import { ReplicaPool } from '../../src/adapters/replica/replica-pool.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { systemRandom } from '../../src/adapters/system/system-random.js';
import { startStorageNode } from '../../src/compose/start-storage-node.js';
import { recordOf } from '../../src/domain/record.js';
import { type StorageNode, snapshotOf } from '../../src/domain/topology.js';
import type { ReplicaStreams } from '../../src/ports/replica-stream.js';
import { encodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey } from '../../src/wire/storage-key.js';
import { eventually } from '../support/eventually.js';
import { ScriptedReplicas } from '../support/scripted-replicas.js';
import { silentLog } from '../support/silent-log.js';
import { member } from '../support/small-cluster.js';

/** One member "n1", seen through its stream, and one that nobody reaches, "gone". */
interface Subject {
  readonly streams: ReplicaStreams;
  /** The node has seen this epoch from now on. */
  readonly fence: (epoch: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

async function scripted(): Promise<Subject> {
  const replicas = new ScriptedReplicas(systemClock, ['n1', 'gone']);
  replicas.node('gone').conduct = 'down';
  const fence = async (epoch: number) => {
    replicas.node('n1').fence = epoch;
    replicas.node('n1').topology = { epoch, nodes: ['n1', 'gone'].map(member) };
  };
  return { streams: replicas, fence, close: async () => {} };
}

async function pooled(): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-streams-'));
  const around = { clock: systemClock, random: systemRandom, log: silentLog };
  const clusterSecret = Buffer.from('a secret of this test');
  const node = await startStorageNode({
    ...around,
    nodeId: 'n1',
    dataFolder: join(folder, 'data'),
    host: '127.0.0.1',
    port: 0,
    clusterSecret,
    onFailure: (failure) => expect.fail(String(failure)),
  });
  const own: StorageNode = {
    nodeId: 'n1',
    host: node.host,
    port: node.port,
    virtualNodes: 8,
    zone: '',
    status: 'active',
    storeId: node.storeId,
  };
  const gone: StorageNode = { ...own, nodeId: 'gone', port: 1, storeId: 'gone' };
  const snapshotAt = (epoch: number) => snapshotOf({ epoch, nodes: [own, gone], tenants: [] });
  const open = async (epoch: number) => {
    const greeting = { actor: 'c@1', clusterId: 'cluster', clusterSecret };
    const pool = new ReplicaPool(
      { ...around, transport: connectTransport, greeting, onNewerEpoch: () => {} },
      snapshotAt(epoch),
    );
    pool.update(snapshotAt(epoch));
    await eventually(() => pool.state('n1').usable === true);
    return pool;
  };
  const pool = await open(1);
  const fence = async (epoch: number) => (await open(epoch)).close();
  const close = async () => {
    pool.close();
    await node.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { streams: pool, fence, close };
}

describe.each([
  ['that are scripted', scripted],
  ['of a pool to a real node', pooled],
])('replica streams %s', (_name, open) => {
  let subject: Subject;
  let streams: ReplicaStreams;

  beforeEach(async () => {
    subject = await open();
    streams = subject.streams;
  });
  afterEach(() => subject.close());

  const operation = {
    epoch: 1,
    replicationFactor: 2,
    storageKey: encodeStorageKey({ tenantNumber: 1, token: 5n, key: Buffer.from('k') }),
  };
  const soon = () => systemClock.monotonicMs() + 2000;
  const dot = (timestamp: number) => ({ actor: 'c@1', timestamp });
  const record = (timestamp: number) => {
    const made = recordOf(dot(timestamp), Buffer.from(`v${timestamp}`));
    return { bytes: encodeRecord(made), clock: made.clock };
  };

  it('tell that a key is absent, then what was written, whole or as a head', async () => {
    expect(await streams.read('n1', operation, false, soon())).toEqual({ kind: 'read', reading: { kind: 'absent' } });
    expect(await streams.write('n1', operation, record(10), soon())).toEqual({ kind: 'held', clock: [dot(10)] });
    const whole = await streams.read('n1', operation, false, soon());
    expect(whole).toMatchObject({ kind: 'read', reading: { kind: 'record', record: { clock: [dot(10)] } } });
    expect(await streams.read('n1', operation, true, soon())).toEqual({
      kind: 'read',
      reading: { kind: 'head', clock: [dot(10)] },
    });
  });

  it('tell held for the version that stands, also again, and passed for a lesser one', async () => {
    await streams.write('n1', operation, record(10), soon());
    expect(await streams.write('n1', operation, record(10), soon())).toEqual({ kind: 'held', clock: [dot(10)] });
    expect(await streams.write('n1', operation, record(9), soon())).toEqual({ kind: 'passed', clock: [dot(10)] });
    expect(await streams.write('n1', operation, record(11), soon())).toEqual({ kind: 'held', clock: [dot(11)] });
  });

  it('tell the greatest timestamp that was ever stored', async () => {
    expect(await streams.ask('n1', 1, soon())).toMatchObject({ kind: 'told', greatestTimestampUs: 0 });
    await streams.write('n1', operation, record(10), soon());
    await streams.write('n1', operation, record(9), soon());
    expect(await streams.ask('n1', 1, soon())).toMatchObject({ kind: 'told', greatestTimestampUs: 10 });
    expect(streams.state('n1').greatestTimestampUs).toBe(10);
  });

  it('tell up to which timestamp they take writes, and take none beyond that follows nothing', async () => {
    const told = await streams.ask('n1', 1, soon());
    if (told.kind !== 'told') return expect.fail('it told nothing');
    const hourUs = 3_600_000_000;
    const beyond = record(told.acceptedUntilUs + hourUs);
    expect(await streams.write('n1', operation, beyond, soon())).toMatchObject({
      kind: 'refused',
      reason: 'future_dot',
    });
    expect(await streams.ask('n1', 1, soon())).toMatchObject({ greatestTimestampUs: 0 });
    const follows = { ...beyond, followsUs: told.acceptedUntilUs + hourUs };
    expect(await streams.write('n1', operation, follows, soon())).toMatchObject({ kind: 'held' });
    const next = await streams.ask('n1', 1, soon());
    if (next.kind !== 'told') return expect.fail('it told nothing');
    expect(next.acceptedUntilUs).toBe(next.greatestTimestampUs + 60_000_000);
  });

  it('describe the node', async () => {
    await streams.write('n1', operation, record(10), soon());
    expect(await streams.describe('n1', soon())).toMatchObject({ kind: 'described', keysCount: 1 });
    expect(streams.state('n1')).toMatchObject({ usable: true });
  });

  it('refuse what is planned for an older epoch than the node has seen', async () => {
    await subject.fence(4);
    for (const result of await Promise.all([
      streams.write('n1', operation, record(10), soon()),
      streams.read('n1', operation, false, soon()),
      streams.ask('n1', 1, soon()),
    ])) {
      expect(result).toEqual({ kind: 'fenced', epoch: 4 });
    }
  });

  it('recall the nodes of the newest epoch that the node has seen, for those alone that know an older one', async () => {
    await subject.fence(4);
    const recalled = await streams.recall('n1', 1, soon());
    expect(recalled).toMatchObject({ kind: 'recalled', topology: { epoch: 4 } });
    const nodes = recalled.kind === 'recalled' ? recalled.topology.nodes : [];
    expect(nodes.map(({ nodeId }) => nodeId).sort()).toEqual(['gone', 'n1']);
    for (const { host, port, storeId, status } of nodes) {
      expect({ host, port, storeId, status }).toEqual({
        host: '127.0.0.1',
        port: expect.any(Number),
        storeId: expect.stringMatching(/./),
        status: 'active',
      });
    }
    expect(await streams.recall('n1', 4, soon())).toMatchObject({ kind: 'failed' });
  });

  it('fail, never reject, for a node that nobody reaches: nothing was sent', async () => {
    await eventually(() => typeof streams.state('gone').usable === 'string');
    await eventually(async () => {
      const result = await streams.write('gone', operation, record(10), soon());
      return result.kind === 'failed' && !result.sent && result.reason !== '';
    });
    expect(await streams.ask('gone', 1, soon())).toMatchObject({ kind: 'failed', sent: false });
  });
});
