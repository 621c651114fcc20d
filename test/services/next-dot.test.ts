import { beforeEach, describe, expect, it } from 'vitest';
import type { QuorateError } from '../../src/domain/errors.js';
import { recordOf } from '../../src/domain/record.js';
import { NextDot } from '../../src/services/next-dot.js';
import { planReplicas } from '../../src/services/replica-plan.js';
import { encodeRecord } from '../../src/wire/record-format.js';
import { contextWithin, NODE_IDS, type SmallCluster, smallCluster, TENANT } from '../support/small-cluster.js';

const target = { tenant: TENANT, key: Buffer.from('key') };
const other = { tenant: TENANT, key: Buffer.from('another key') };
const HOUR_MS = 3_600_000;

describe('a dot', () => {
  let cluster: SmallCluster;
  let dots: NextDot;

  beforeEach(async () => {
    cluster = await smallCluster();
    dots = new NextDot({ ...cluster, actor: 'me@1', replicaTimeoutMs: 2000 });
    cluster.guard.compared(0);
  });

  const nowUs = () => cluster.clock.wallMs() * 1000;
  const take = (level: 'one' | 'quorum' | 'all' = 'quorum', of = target) =>
    cluster.clock.settle(dots.take(of, level, contextWithin(cluster.clock, 5000)));
  const refusal = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('a dot was taken'),
      (error: QuorateError) => error,
    );
  /** The key's record at a node, as a write of hours ago by a clock that was ahead left it. */
  const store = async (nodeId: string, timestamp: number) => {
    const { operation } = planReplicas(cluster.topology, target);
    const record = recordOf({ actor: 'ahead@1', timestamp }, Buffer.from('of the future'));
    const encoded = { bytes: encodeRecord(record), clock: record.clock, followsUs: timestamp };
    await cluster.clock.settle(cluster.replicas.write(nodeId, operation, encoded, Number.POSITIVE_INFINITY));
    cluster.replicas.node(nodeId).seen.length = 0;
  };

  it('is greater than all that a majority ever stored, although its own clock is behind', async () => {
    const aheadUs = nowUs() + 90_000_000;
    cluster.replicas.node('a').greatestTimestampUs = aheadUs;
    cluster.replicas.node('b').greatestTimestampUs = aheadUs - 5;
    cluster.replicas.node('c').conduct = 'deaf';
    expect(await take()).toEqual({ actor: 'me@1', timestamp: aheadUs + 1 });
    expect(cluster.replicas.node('a').seen).toEqual(['ask']);
  });

  it('is never taken twice, although the wall clock jumps back', async () => {
    const first = await take();
    cluster.clock.wallOffsetMs -= 200_000;
    expect((await take()).timestamp).toBe(first.timestamp + 1);
  });

  it.each([
    ['one node', ['a']],
    ['every node', NODE_IDS],
  ])('of a key is not carried along by another key that lies hours ahead at %s', async (_where, nodeIds) => {
    for (const id of nodeIds) await store(id, nowUs() + 2 * HOUR_MS * 1000);
    const { actor, timestamp } = await take('quorum', other);
    expect(actor).toBe('me@1');
    expect(timestamp).toBeLessThanOrEqual(nowUs());
    expect(cluster.replicas.node('a').seen).toEqual(['ask', 'head']);
  });

  it('follows the only copy of its key, hours ahead at one node, also where that node answers last', async () => {
    const aheadUs = nowUs() + 2 * HOUR_MS * 1000;
    await store('a', aheadUs);
    cluster.replicas.node('a').delayMs = 50;
    expect(await take()).toEqual({ actor: 'me@1.1', timestamp: aheadUs + 1 });
    expect(await take('quorum', other)).toMatchObject({ actor: 'me@1' });
  });

  it('follows the only copy of its key also at a node that nobody knew to hold something ahead', async () => {
    const aheadUs = nowUs() + 2 * HOUR_MS * 1000;
    await store('a', aheadUs);
    const { replicas } = cluster;
    const told = replicas.state.bind(replicas);
    replicas.state = (nodeId) => ({ ...told(nodeId), greatestTimestampUs: 0 });
    for (const id of ['b', 'c']) replicas.node(id).delayMs = 0.6;
    expect(await take()).toEqual({ actor: 'me@1.1', timestamp: aheadUs + 1 });
  });

  it('does not wait for a node that is known to hold something ahead but is away', async () => {
    await store('a', nowUs() + 2 * HOUR_MS * 1000);
    cluster.replicas.node('a').conduct = 'down';
    const startedMs = cluster.clock.monotonicMs();
    expect((await take()).timestamp).toBeLessThanOrEqual(nowUs());
    expect(cluster.clock.monotonicMs() - startedMs).toBeLessThan(10);
  });

  it('is taken from the right clock again at once when the clock was hours ahead', async () => {
    cluster.clock.wallOffsetMs += 2 * HOUR_MS;
    cluster.guard.compared(0);
    for (const id of NODE_IDS) cluster.replicas.node(id).skewMs = -2 * HOUR_MS;
    expect(await refusal(take())).toMatchObject({ kind: 'clock_refused', outcomeUnknown: false });
    cluster.clock.wallOffsetMs -= 2 * HOUR_MS;
    cluster.guard.compared(0);
    for (const id of NODE_IDS) cluster.replicas.node(id).skewMs = 0;
    expect((await take()).timestamp).toBeLessThanOrEqual(nowUs());
  });

  it.each([
    ['one', [0, 1], true],
    ['one', [0, 1, 2], false],
    ['quorum', [0], true],
    ['quorum', [0, 1], false],
    ['quorum', [0, 2], false],
    ['all', [0], false],
  ] as const)(
    'at %s is refused before it is sent where replicas %j would refuse it: %s',
    async (level, behind, taken) => {
      const { nodeIds } = planReplicas(cluster.topology, target);
      for (const i of behind) cluster.replicas.node(nodeIds[i] ?? '').skewMs = -2 * HOUR_MS;
      if (taken) return expect(await take(level)).toMatchObject({ actor: 'me@1' });
      const error = await refusal(take(level));
      expect(error).toMatchObject({ kind: 'clock_refused', outcomeUnknown: false });
      for (const i of behind) expect(error.message).toContain(`"${nodeIds[i]}"`);
    },
  );

  it('is not taken from a clock that stepped while the replicas were asked', async () => {
    const taking = dots.take(target, 'quorum', contextWithin(cluster.clock, 5000));
    cluster.clock.after(0.2, () => {
      cluster.clock.wallOffsetMs += 2 * HOUR_MS;
    });
    const error = await refusal(cluster.clock.settle(taking));
    expect(error).toMatchObject({ kind: 'clock_refused', outcomeUnknown: false });
    expect(error.message).toContain('7200 s ahead');
  });
});
