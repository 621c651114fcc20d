import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import { snapshotOf } from '../../src/domain/topology.js';
import { type Answer, BatchSchema, type Operation, type Topology } from '../../src/gen/storage/v1/storage_pb.js';
import { executeBatch } from '../../src/storage-node/batch-execution.js';
import { StorageNode } from '../../src/storage-node/storage-node.js';
import { topologyMessage } from '../../src/wire/topology-message.js';
import { MemoryDisk, MemoryStorageEngine } from '../support/memory-storage-engine.js';
import { seededRandom } from '../support/seeded-random.js';
import { member } from '../support/small-cluster.js';
import { VirtualClock } from '../support/virtual-clock.js';

const FLUSH_MS = 10;

describe('the topology that a storage node keeps beside its fence', () => {
  let clock: VirtualClock;
  let disk: MemoryDisk;
  let engine: MemoryStorageEngine;
  let node: StorageNode;

  const start = async () => {
    engine = new MemoryStorageEngine(disk, clock, () => FLUSH_MS);
    const onFailure = (failure: unknown) => expect.fail(String(failure));
    node = await clock.settle(StorageNode.open({ nodeId: 'a', engine, clock, random: seededRandom(1), onFailure }));
  };
  const restart = () => {
    engine.crash(0);
    return start();
  };
  const told = (epoch: number, ids = ['a', 'b']): Topology =>
    topologyMessage(snapshotOf({ epoch, nodes: ids.map(member), tenants: [] }));
  /** As a coordinator of an earlier release tells it. */
  const ringOnly = (epoch: number): Topology => {
    const message = told(epoch);
    for (const one of message.members) Object.assign(one, { host: '', port: 0, storeId: '', status: 0 });
    return message;
  };
  const adopt = (topology: Topology) => {
    node.adoptTopology(topology);
    return clock.settle(node.flushed());
  };
  const run = async (epoch: number, kind: Operation['kind']): Promise<Answer['kind']> => {
    const answered = new Promise<Answer>((answer) => {
      const batch = create(BatchSchema, { epoch, operations: [{ id: 1, kind }] });
      executeBatch(
        { node, diskUsagePercent: async () => 1, answer, onFailure: (error) => expect.fail(String(error)) },
        batch,
      );
    });
    return (await clock.settle(answered)).kind;
  };
  const recall = async (knownEpoch: number) => {
    const answer = await run(knownEpoch, { case: 'recall', value: { $typeName: 'storage.v1.Recall', knownEpoch } });
    return answer.case === 'recall' ? answer.value.topology : expect.fail(`it answered ${answer.case}`);
  };
  const ask = { case: 'ask', value: { $typeName: 'storage.v1.Ask' } } as const;

  beforeEach(async () => {
    clock = new VirtualClock();
    disk = new MemoryDisk();
    await start();
  });

  it('is told to those that know an older epoch, whatever their batch is planned under', async () => {
    expect(await recall(0)).toBeUndefined();
    await adopt(told(5));
    expect(await recall(4)).toEqual(told(5));
    expect(await recall(5)).toBeUndefined();
    expect(await recall(6)).toBeUndefined();
  });

  it('is told after a restart before any coordinator told it anew, while nothing is served', async () => {
    await adopt(told(5));
    await restart();
    expect(await run(4, ask)).toMatchObject({ case: 'fenced', value: { epoch: 5 } });
    expect(await run(5, ask)).toMatchObject({ case: 'fenced', value: { epoch: 5 } });
    expect(await recall(4)).toEqual(told(5));
    await adopt(told(5));
    expect(await run(5, ask)).toMatchObject({ case: 'ask' });
  });

  it('is flushed in one commit with the fence, and told no sooner', async () => {
    await adopt(told(5));
    const startMs = clock.monotonicMs();
    node.adoptTopology(told(6, ['a', 'b', 'c']));
    expect(await recall(4)).toEqual(told(6, ['a', 'b', 'c']));
    expect(clock.monotonicMs() - startMs).toBe(FLUSH_MS);
    node.adoptTopology(told(7));
    await clock.advance(FLUSH_MS / 2);
    await restart();
    expect(node.fence).toBe(6);
    expect(await recall(4)).toEqual(told(6, ['a', 'b', 'c']));
    node.adoptTopology(told(8));
    await clock.advance(FLUSH_MS / 2);
    engine.crash(1);
    await start();
    expect(node.fence).toBe(8);
    expect(await recall(4)).toEqual(told(8));
  });

  it('is not replaced by an older one, nor by another of the same epoch', async () => {
    await adopt(told(5));
    await adopt(told(4));
    await adopt(told(5, ['a', 'c']));
    await restart();
    expect(await recall(0)).toEqual(told(5));
  });

  it('gets its addresses from the first coordinator that tells them', async () => {
    await adopt(ringOnly(5));
    await adopt(told(5));
    await adopt(ringOnly(5));
    await restart();
    expect(await recall(0)).toEqual(told(5));
    expect(node.fence).toBe(5);
  });

  it('is not told when the disk has changed it; the next coordinator tells it anew', async () => {
    await adopt(told(5));
    const [name = '', value = new Uint8Array()] = [...disk.entries].find(([key]) => key.endsWith('topology')) ?? [];
    disk.entries.set(name, value.with(value.length - 1, (value.at(-1) ?? 0) ^ 1));
    await restart();
    expect(node.fence).toBe(5);
    expect(await recall(0)).toBeUndefined();
    await adopt(told(5));
    expect(await recall(0)).toEqual(told(5));
  });

  it('comes with a fence that heartbeats tell, too', async () => {
    await adopt(told(5));
    const describing = { case: 'describe', value: { $typeName: 'storage.v1.Describe' } } as const;
    expect(await run(4, describing)).toMatchObject({ case: 'describe', value: { epoch: 5 } });
  });
});
