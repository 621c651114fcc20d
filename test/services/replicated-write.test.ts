import { beforeEach, describe, expect, it } from 'vitest';
import { QuorateError } from '../../src/domain/errors.js';
import { ReplicatedWrite } from '../../src/services/replicated-write.js';
import { contextWithin, member, NODE_IDS, type SmallCluster, smallCluster, TENANT } from '../support/small-cluster.js';

const target = { tenant: TENANT, key: Buffer.from('key') };
const value = Buffer.from('value');

describe('a replicated write', () => {
  let cluster: SmallCluster;
  let writes: ReplicatedWrite;

  beforeEach(async () => {
    cluster = await smallCluster();
    const { topology, replicas, clock } = cluster;
    writes = new ReplicatedWrite({ topology, replicas, clock, actor: 'me@1', replicaTimeoutMs: 2000 });
  });

  const context = (withinMs = 5000) => contextWithin(cluster.clock, withinMs);
  const failure = (promise: Promise<unknown>) =>
    cluster.clock.settle(
      promise.then(
        () => expect.fail('it succeeded'),
        (error: unknown) => error as QuorateError,
      ),
    );

  it('takes a dot greater than all that a majority ever stored, although its own clock is behind', async () => {
    const farUs = cluster.clock.wallMs() * 1000 + 90_000_000;
    cluster.replicas.node('a').greatestTimestampUs = farUs;
    cluster.replicas.node('b').greatestTimestampUs = farUs - 5;
    cluster.replicas.node('c').conduct = 'deaf';
    const dot = await cluster.clock.settle(writes.takeDot(target, 'quorum', context()));
    expect(dot).toEqual({ actor: 'me@1', timestamp: farUs + 1 });
  });

  it('never takes the same dot twice, although the wall clock jumps back', async () => {
    const first = await cluster.clock.settle(writes.takeDot(target, 'quorum', context()));
    cluster.clock.wallOffsetMs -= 3_600_000;
    const second = await cluster.clock.settle(writes.takeDot(target, 'quorum', context()));
    expect(second.timestamp).toBe(first.timestamp + 1);
  });

  it.each([
    ['one', 1, 1],
    ['quorum', 2, 2],
    ['all', 2, 3],
  ] as const)('at level %s needs %i answers before it takes its dot and %i after', async (level, asked, needed) => {
    for (const id of NODE_IDS.slice(asked)) cluster.replicas.node(id).conduct = 'deaf';
    const dot = await cluster.clock.settle(writes.takeDot(target, level, context()));
    for (const id of NODE_IDS) cluster.replicas.node(id).conduct = 'up';
    for (const id of NODE_IDS.slice(needed)) cluster.replicas.node(id).conduct = 'deaf';
    const answer = await cluster.clock.settle(writes.send(target, dot, value, level, context()));
    expect(answer.replicaCount).toBe(needed);
    for (const id of NODE_IDS.slice(needed - 1)) cluster.replicas.node(id).conduct = 'deaf';
    const error = await failure(writes.send(target, dot, value, level, context()));
    expect(error).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: true, replicaCount: needed - 1 });
  });

  it('counts a replica that has a greater version, and keeps that version', async () => {
    const late = { actor: 'me@1', timestamp: 10 };
    const newer = { actor: 'other@1', timestamp: 20 };
    await cluster.clock.settle(writes.send(target, newer, Buffer.from('newer'), 'all', context()));
    const answer = await cluster.clock.settle(writes.send(target, late, value, 'all', context()));
    expect(answer).toEqual({ clock: [newer, late], replicaCount: 3 });
    for (const id of NODE_IDS) {
      expect([...cluster.replicas.node(id).records.values()][0]?.version.value).toEqual(Buffer.from('newer'));
    }
  });

  it('knows that nothing was written when every replica refused the connection', async () => {
    for (const id of NODE_IDS) cluster.replicas.node(id).conduct = 'down';
    const error = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, 'quorum', context()));
    expect(error).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: false });
    expect(error.message).toContain('a: connection refused');
  });

  it('sends nothing when the deadline passed before', async () => {
    const error = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, 'quorum', context(0)));
    expect(error).toMatchObject({ kind: 'deadline_exceeded', outcomeUnknown: false });
    expect(cluster.replicas.node('a').seen).toEqual([]);
  });

  it('says that the deadline passed when the client would not wait as long as a replica may take', async () => {
    for (const id of NODE_IDS) cluster.replicas.node(id).conduct = 'silent';
    const error = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, 'one', context(100)));
    expect(error).toMatchObject({ kind: 'deadline_exceeded', outcomeUnknown: true });
  });

  it('plans anew under the newer epoch that its replicas have seen, with the same dot and votes from zero', async () => {
    for (const id of NODE_IDS) cluster.replicas.node(id).fence = 2;
    cluster.state = { ...cluster.state, epoch: 2, nodes: ['b', 'a', 'c'].map(member) };
    const dot = { actor: 'me@1', timestamp: 5 };
    const answer = await cluster.clock.settle(writes.send(target, dot, value, 'all', context()));
    expect(answer).toEqual({ clock: [dot], replicaCount: 3 });
    expect(cluster.replicas.node('a').seen.filter((what) => what === 'write')).toHaveLength(2);
    expect(cluster.topology.snapshot.epoch).toBe(2);
  });

  it('is unavailable, with nothing written, when the newer epoch can not be learnt', async () => {
    for (const id of NODE_IDS) cluster.replicas.node(id).fence = 2;
    const error = await failure(writes.send(target, { actor: 'me@1', timestamp: 5 }, value, 'one', context()));
    expect(error).toMatchObject({ kind: 'metadata_unavailable', outcomeUnknown: false });
  });

  it('can not be planned on a ring without nodes', async () => {
    cluster = await smallCluster([]);
    const { topology, replicas, clock } = cluster;
    writes = new ReplicatedWrite({ topology, replicas, clock, actor: 'me@1', replicaTimeoutMs: 2000 });
    expect(await failure(writes.takeDot(target, 'one', context()))).toBeInstanceOf(QuorateError);
  });
});
