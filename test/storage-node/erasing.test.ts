import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import { recordOf } from '../../src/domain/record.js';
import { snapshotOf } from '../../src/domain/topology.js';
import { type Answer, BatchSchema, Failure_Reason, type Operation } from '../../src/gen/storage/v1/storage_pb.js';
import { executeBatch } from '../../src/storage-node/batch-execution.js';
import { StorageNode } from '../../src/storage-node/storage-node.js';
import { encodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey } from '../../src/wire/storage-key.js';
import { topologyMessage } from '../../src/wire/topology-message.js';
import { MemoryDisk, MemoryStorageEngine } from '../support/memory-storage-engine.js';
import { seededRandom } from '../support/seeded-random.js';
import { member } from '../support/small-cluster.js';
import { VirtualClock } from '../support/virtual-clock.js';

const FLUSH_MS = 10;
const keyOf = (i: number) => encodeStorageKey({ tenantNumber: 1, token: BigInt(i), key: Buffer.from('k') });
const recordAt = (timestamp: number) =>
  encodeRecord(recordOf({ actor: 'c@1', timestamp }, Buffer.from(`v${timestamp}`)));

describe('a storage node that is asked to erase its records', () => {
  let clock: VirtualClock;
  let disk: MemoryDisk;
  let node: StorageNode;

  beforeEach(async () => {
    clock = new VirtualClock();
    disk = new MemoryDisk();
    const engine = new MemoryStorageEngine(disk, clock, () => FLUSH_MS);
    const space = { freeBytes: async () => disk.freeBytes, freeBytesMin: 0 };
    const parts = { nodeId: 'n', engine, clock, random: seededRandom(1), disk: space, onFailure: () => {} };
    node = await clock.settle(StorageNode.open(parts));
    const writes = Array.from({ length: 2500 }, (_, i) => node.records.merge(1, keyOf(i), recordAt(1000 + i)));
    await clock.settle(Promise.all(writes));
    adopt(1, 'other');
    await clock.settle(node.flushed());
  });

  const adopt = (epoch: number, memberId: string) =>
    node.adoptTopology(topologyMessage(snapshotOf({ epoch, nodes: [member(memberId)], tenants: [] })));
  const ask = (epoch: number, kind: Operation['kind']): Promise<Answer['kind']> =>
    new Promise((answered, onFailure) => {
      const host = { node, diskUsagePercent: async () => 1, onFailure, answer: ({ kind }: Answer) => answered(kind) };
      executeBatch(host, create(BatchSchema, { epoch, operations: [{ id: 1, kind }] }));
    });
  const join = (epoch: number) => ask(epoch, { case: 'join', value: { $typeName: 'storage.v1.Join' } });
  const write = (epoch: number, i: number, record: Uint8Array) => {
    const value = { $typeName: 'storage.v1.Write' as const, storageKey: keyOf(i), replicationFactor: 1, record };
    return ask(epoch, { case: 'write', value: { ...value, follows: 0 } });
  };
  const read = (i: number) => clock.settle(Promise.resolve(node.records.read(keyOf(i))));

  it('erases them while it is no member, and counts none afterwards', async () => {
    expect(await clock.settle(join(1))).toMatchObject({ case: 'join' });
    expect(node.records.keysCount).toBe(0);
    expect(await read(7)).toEqual({ kind: 'absent' });
  });

  it.each([1, 2, 3])('stops when it becomes a member in piece %i: what it acknowledges then stays', async (pieces) => {
    const joining = join(1);
    await clock.advance(pieces * FLUSH_MS - 1);
    adopt(2, 'n');
    // The last key, and one that is being erased just now, under a smaller dot than what is erased.
    const last = write(2, 2499, recordAt(9000));
    const erased = write(2, (pieces - 1) * 1000, recordAt(5));
    expect(await clock.settle(last)).toMatchObject({ case: 'write' });
    expect(await clock.settle(erased)).toMatchObject({ case: 'write' });
    expect(await clock.settle(joining)).toMatchObject({ case: 'fenced', value: { epoch: 2 } });
    await clock.settle(node.flushed());
    expect(await read(2499)).toMatchObject({ record: { version: { dot: { timestamp: 9000 } } } });
    expect(await read((pieces - 1) * 1000)).toMatchObject({ kind: 'record' });
    const live = [...disk.entries.keys()].filter((name) => name.startsWith('\0\0\0\x01')).length;
    expect(node.records.keysCount).toBe(live);
  });

  it('stops when its fence rises, though it is no member of that epoch either', async () => {
    const joining = join(1);
    await clock.advance(FLUSH_MS - 1);
    adopt(2, 'another');
    expect(await clock.settle(joining)).toMatchObject({ case: 'fenced', value: { epoch: 2 } });
    expect(node.records.keysCount).toBe(1500);
  });

  it('refuses as a member, and under another epoch', async () => {
    adopt(2, 'n');
    expect(await clock.settle(join(2))).toMatchObject({ value: { reason: Failure_Reason.MEMBER } });
    expect(await clock.settle(join(1))).toMatchObject({ case: 'fenced' });
    expect(node.records.keysCount).toBe(2500);
  });

  it('merges into nothing what arrives for a record that is being erased, and reads none', async () => {
    const erasing = node.records.eraseAll(() => true);
    // Its first piece is added then, but the clock has not let the commit begin.
    await new Promise((turn) => setImmediate(turn));
    const reading = node.records.read(keyOf(3));
    const merging = node.records.merge(1, keyOf(3), recordAt(5));
    expect(await clock.settle(Promise.resolve(reading))).toEqual({ kind: 'absent' });
    expect(await clock.settle(Promise.resolve(merging))).toMatchObject({ kind: 'held', asSent: true });
    await clock.settle(erasing);
  });

  it('erases nothing on a disk without any room, and says so', async () => {
    disk.freeBytes = 0;
    expect(await clock.settle(join(1))).toMatchObject({ value: { reason: Failure_Reason.DISK_FULL } });
    expect(node.records.keysCount).toBe(2500);
  });
});
