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
    writes = new ReplicatedWrite({ ...cluster, actor: 'me@1', replicaTimeoutMs: 2000 });
  });

  const context = (withinMs = 5000) => contextWithin(cluster.clock, withinMs);
  const failure = (promise: Promise<unknown>) =>
    cluster.clock.settle(
      promise.then(
        () => expect.fail('it succeeded'),
        (error: unknown) => error as QuorateError,
      ),
    );

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

  it('knows that nothing was written when every replica refused the write itself', async () => {
    for (const id of NODE_IDS) cluster.replicas.node(id).refusal = 'future_dot';
    cluster.replicas.node('b').refusal = 'not_owner';
    const error = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, 'one', context()));
    expect(error).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: false });
    expect(error.message).toContain('b: it said not_owner');
    Object.assign(cluster.replicas.node('c'), { conduct: 'silent', refusal: undefined });
    const open = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, 'one', context()));
    expect(open).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: true });
  });

  it('waits a little for the last replica before it calls an outcome unknown: it may have refused, too', async () => {
    for (const id of NODE_IDS) cluster.replicas.node(id).refusal = 'disk_full';
    cluster.replicas.node('c').delayMs = 40;
    const error = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, 'quorum', context()));
    expect(error).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: false });
    Object.assign(cluster.replicas.node('c'), { conduct: 'silent', refusal: undefined });
    const startMs = cluster.clock.monotonicMs();
    const open = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, 'quorum', context()));
    expect(open).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: true, replicaCount: 0 });
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(150);
  });

  it('tells which replica holds it, which has passed it, which refused and which was silent, and counts them', async () => {
    const newer = { actor: 'other@1', timestamp: 20 };
    for (const id of ['b', 'c']) cluster.replicas.node(id).conduct = 'deaf';
    await cluster.clock.settle(writes.send(target, newer, Buffer.from('newer'), 'one', context()));
    cluster.replicas.node('b').conduct = 'up';
    const silent = await failure(writes.send(target, { actor: 'me@1', timestamp: 10 }, value, 'all', context()));
    expect(silent).toMatchObject({ outcomeUnknown: true, replicaCount: 2 });
    expect(silent.message).toContain('3 of 3 replicas to acknowledge, 2 did (');
    for (const told of ['a: has a newer version', 'b: holds it', 'c: timed out'])
      expect(silent.message).toContain(told);
    cluster.replicas.node('b').refusal = 'disk_full';
    const refused = await failure(writes.send(target, { actor: 'me@1', timestamp: 11 }, value, 'all', context()));
    expect(refused).toMatchObject({ outcomeUnknown: true, replicaCount: 1 });
    for (const told of ['b: it said disk_full', 'c: no answer yet']) expect(refused.message).toContain(told);
  });

  it.each([
    ['all', 1],
    ['quorum', 2],
    ['one', 3],
  ] as const)(
    'at level %s sends nothing to anybody when %i of its replicas are known to be away',
    async (level, away) => {
      for (const id of NODE_IDS.slice(3 - away)) cluster.replicas.node(id).conduct = 'down';
      const error = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, level, context()));
      expect(error).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: false, replicaCount: 0 });
      expect(error.message).toContain('c: connection refused');
      for (const id of NODE_IDS) expect(cluster.replicas.node(id).seen).toEqual([]);
      for (const id of NODE_IDS) cluster.replicas.node(id).conduct = 'up';
      for (const id of NODE_IDS.slice(4 - away)) cluster.replicas.node(id).conduct = 'down';
      await cluster.clock.settle(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, level, context()));
    },
  );

  it('sends to a replica whose first connection is on its way', async () => {
    Object.assign(cluster.replicas.node('c'), { conduct: 'down', isConnecting: true });
    const error = await failure(writes.send(target, { actor: 'me@1', timestamp: 1 }, value, 'all', context()));
    expect(error).toMatchObject({ outcomeUnknown: true, replicaCount: 2 });
    expect(cluster.replicas.node('c').seen).toEqual(['write']);
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
    writes = new ReplicatedWrite({ ...cluster, actor: 'me@1', replicaTimeoutMs: 2000 });
    expect(await failure(writes.takeDot(target, 'one', context()))).toBeInstanceOf(QuorateError);
  });

  it('brings what follows the only copy of its key, hours ahead at one node, to every node', async () => {
    const aheadUs = (cluster.clock.wallMs() + 2 * 3_600_000) * 1000;
    const first = { actor: 'ahead@1', timestamp: aheadUs };
    cluster.replicas.node('a').skewMs = 2 * 3_600_000;
    for (const id of ['b', 'c']) cluster.replicas.node(id).conduct = 'deaf';
    const error = await failure(writes.send(target, first, value, 'all', context()));
    expect(error).toMatchObject({ outcomeUnknown: true });
    await cluster.clock.advance(5);
    cluster.replicas.node('a').skewMs = 0;
    for (const id of ['b', 'c']) cluster.replicas.node(id).conduct = 'up';
    const dot = await cluster.clock.settle(writes.takeDot(target, 'all', context()));
    expect(dot.timestamp).toBe(aheadUs + 1);
    const answer = await cluster.clock.settle(writes.send(target, dot, value, 'all', context()));
    expect(answer.replicaCount).toBe(3);
  });

  it('is taken by every node where one has passed it already, hours ahead', async () => {
    const aheadUs = (cluster.clock.wallMs() + 2 * 3_600_000) * 1000;
    cluster.replicas.node('a').skewMs = 3 * 3_600_000;
    for (const id of ['b', 'c']) cluster.replicas.node(id).conduct = 'down';
    const greater = { actor: 'ahead@1', timestamp: aheadUs + 1 };
    await cluster.clock.settle(writes.send(target, greater, value, 'one', context()));
    for (const id of ['b', 'c']) cluster.replicas.node(id).conduct = 'up';
    const dot = { actor: 'me@1.1', timestamp: aheadUs };
    const answer = await cluster.clock.settle(writes.send(target, dot, value, 'all', context()));
    expect(answer.replicaCount).toBe(3);
  });

  it('stays refused where no replica has what lies hours ahead, and nothing was written', async () => {
    const dot = { actor: 'ahead@1', timestamp: (cluster.clock.wallMs() + 2 * 3_600_000) * 1000 };
    const error = await failure(writes.send(target, dot, value, 'one', context()));
    expect(error).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: false });
  });
});
