import { beforeEach, describe, expect, it } from 'vitest';
import { recordOf } from '../../src/domain/record.js';
import { DEFAULT_LIMITS } from '../../src/domain/request-fields.js';
import { ClockGuard } from '../../src/services/clock-guard.js';
import { ReadKeyValue } from '../../src/services/read-key-value.js';
import { planReplicas } from '../../src/services/replica-plan.js';
import { ReplicatedWrite } from '../../src/services/replicated-write.js';
import { seededRandom } from '../support/seeded-random.js';
import { contextWithin, NODE_IDS, type SmallCluster, smallCluster, TENANT } from '../support/small-cluster.js';

const SLOW_MS = 600;
/** One request begins each millisecond; the first ones teach how long the replicas take. */
const REQUESTS = 6000;
const LEARNING = 2000;

describe('with one of three replicas slow', () => {
  let cluster: SmallCluster;

  beforeEach(async () => {
    cluster = await smallCluster();
    const random = seededRandom(7);
    for (const nodeId of NODE_IDS) cluster.replicas.node(nodeId).draw = () => jitteredMs(random.fraction) / 2;
  });

  /** Sums of many small delays: a median of 1 ms, one in a hundred beyond 3 ms. */
  function jitteredMs(fraction: () => number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - fraction())) * Math.cos(2 * Math.PI * fraction());
    return Math.exp(normal / 2);
  }

  const slow = (nodeId: string) => {
    cluster.replicas.node(nodeId).draw = () => SLOW_MS / 2;
  };
  const key = (i: number) => `key ${i % 500}`;
  const plan = (i: number) => planReplicas(cluster.topology, { tenant: TENANT, key: Buffer.from(key(i)) });

  function reader(): (i: number) => Promise<unknown> {
    const { topology, replicas, clock } = cluster;
    const record = recordOf({ actor: 'me@1', timestamp: 5 }, Buffer.from('value'));
    for (let i = 0; i < 500; i++) {
      const name = Buffer.from(plan(i).operation.storageKey).toString('hex');
      for (const nodeId of NODE_IDS) replicas.node(nodeId).records.set(name, record);
    }
    const reads = new ReadKeyValue({ topology, replicas, clock, limits: DEFAULT_LIMITS, replicaTimeoutMs: 2000 });
    return (i) => reads.read({ tenantId: 'demo', key: key(i), consistency: 'quorum' }, contextWithin(clock, 5000));
  }

  function writer(): (i: number) => Promise<unknown> {
    const { topology, replicas, clock } = cluster;
    const writes = new ReplicatedWrite({
      topology,
      replicas,
      guard: new ClockGuard(clock),
      clock,
      actor: 'me@1',
      replicaTimeoutMs: 2000,
    });
    return async (i) => {
      const target = { tenant: TENANT, key: Buffer.from(key(i)) };
      const context = contextWithin(clock, 5000);
      const dot = await writes.takeDot(target, 'quorum', context);
      await writes.send(target, dot, Buffer.from('value'), 'quorum', context);
    };
  }

  /** How long each request took, without the first ones. */
  async function latencies(request: (i: number) => Promise<unknown>, from = 0, requests = REQUESTS): Promise<number[]> {
    const { clock } = cluster;
    const taken: number[] = [];
    const running: Promise<unknown>[] = [];
    for (let i = from; i < from + requests; i++) {
      const startMs = clock.monotonicMs();
      running.push(request(i).then(() => void (i >= LEARNING && taken.push(clock.monotonicMs() - startMs))));
      await clock.advance(1);
    }
    await clock.settle(Promise.all(running));
    return taken.sort((a, b) => a - b);
  }

  const p99 = (sorted: readonly number[]) => sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  const seen = (what: string) => NODE_IDS.map((id) => cluster.replicas.node(id).seen.filter((w) => w === what).length);

  it.each([
    ['reads', reader],
    ['writes', writer],
  ])('%s take at most twice as long at the 99th percentile', async (_name, open) => {
    const usual = p99(await latencies(open()));
    slow('a');
    const slowed = p99(await latencies(open()));
    expect(slowed).toBeLessThanOrEqual(2 * usual);
  });

  it('reads hardly ever wait for it before its slowness is known, either', async () => {
    slow('b');
    const request = reader();
    const { clock } = cluster;
    const startMs = clock.monotonicMs();
    await clock.settle(Promise.all(Array.from({ length: 30 }, (_, i) => request(i))));
    expect(clock.monotonicMs() - startMs).toBeLessThan(SLOW_MS / 4);
  });

  it('asks it for a head in about one read of a hundred, and as much as the others again once it is fast', async () => {
    const fast = cluster.replicas.node('a').draw;
    slow('a');
    const request = reader();
    await latencies(request);
    for (const nodeId of NODE_IDS) cluster.replicas.node(nodeId).seen.length = 0;
    await latencies(request);
    expect(seen('read')[0]).toBeLessThanOrEqual(REQUESTS / 500);
    expect(seen('head')[0]).toBeLessThanOrEqual(REQUESTS / 90);
    expect(seen('head')[0]).toBeGreaterThan(REQUESTS / 200);
    if (fast !== undefined) cluster.replicas.node('a').draw = fast;
    await latencies(request, 0, 15_000);
    for (const nodeId of NODE_IDS) cluster.replicas.node(nodeId).seen.length = 0;
    await latencies(request);
    expect(seen('read')[0]).toBeGreaterThan(REQUESTS / 5);
  });

  it('shares reads evenly among replicas that are about as fast as one another', async () => {
    await latencies(reader());
    const wholes = seen('read');
    const firsts = NODE_IDS.map((id) =>
      Array.from({ length: 500 }, (_, i) => plan(i).nodeIds[0]).filter((f) => f === id),
    );
    for (const [i, count] of wholes.entries()) {
      const share = (firsts[i]?.length ?? 0) / 500;
      expect(count / REQUESTS).toBeGreaterThan(share * 0.95);
    }
  });
});
