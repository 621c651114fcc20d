import { beforeEach, describe, expect, it } from 'vitest';
import type { Dot } from '../../src/domain/clock.js';
import type { QuorateError } from '../../src/domain/errors.js';
import { recordOf } from '../../src/domain/record.js';
import { DEFAULT_LIMITS } from '../../src/domain/request-fields.js';
import { ReadKeyValue } from '../../src/services/read-key-value.js';
import { planReplicas } from '../../src/services/replica-plan.js';
import { ReplicatedWrite } from '../../src/services/replicated-write.js';
import { contextWithin, NODE_IDS, type SmallCluster, smallCluster, TENANT } from '../support/small-cluster.js';

const OLD: Dot = { actor: 'me@1', timestamp: 10 };
const NEW: Dot = { actor: 'me@2', timestamp: 20 };

describe('a read', () => {
  let cluster: SmallCluster;
  let reads: ReadKeyValue;
  /** The nodes in the order in which the read prefers them. */
  let order: readonly string[];

  beforeEach(async () => {
    cluster = await smallCluster();
    const { topology, replicas, clock } = cluster;
    reads = new ReadKeyValue({ topology, replicas, clock, limits: DEFAULT_LIMITS, replicaTimeoutMs: 2000 });
    order = planReplicas(topology, { tenant: TENANT, key: Buffer.from('key') }).nodeIds;
  });

  const node = (i: number) => cluster.replicas.node(order[i] ?? '');
  const hold = (i: number, dot: Dot | undefined, value = `v${dot?.timestamp}`) => {
    const { storageKey } = planReplicas(cluster.topology, { tenant: TENANT, key: Buffer.from('key') }).operation;
    const name = Buffer.from(storageKey).toString('hex');
    if (dot === undefined) node(i).records.delete(name);
    else node(i).records.set(name, recordOf(dot, Buffer.from(value)));
  };
  const held = (i: number) => [...node(i).records.values()][0]?.version.dot;
  const read = (consistency = 'quorum', withinMs = 5000) => {
    const context = contextWithin(cluster.clock, withinMs);
    return cluster.clock.settle(reads.read({ tenantId: 'demo', key: 'key', consistency }, context));
  };
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('it succeeded'),
      (error: unknown) => error as QuorateError,
    );

  it('asks one replica for the value and only as many others for heads as the level needs', async () => {
    for (const i of [0, 1, 2]) hold(i, OLD);
    expect(await read()).toEqual({ value: Buffer.from('v10'), clock: [OLD] });
    expect([node(0).seen, node(1).seen, node(2).seen]).toEqual([['read'], ['head'], []]);
  });

  it('answers a key that a majority lacks as absent, a vote like any other', async () => {
    expect(await failure(read())).toMatchObject({ kind: 'key_not_found', message: 'key "key" does not exist' });
  });

  it('says who answered and why the others did not when too few did', async () => {
    hold(0, OLD);
    Object.assign(node(1), { refusal: 'corrupt', delayMs: 3 });
    node(2).conduct = 'down';
    const error = await failure(read());
    expect(error).toMatchObject({ kind: 'quorum_not_reached', replicaCount: 1 });
    expect(error.message).toContain('needs 2 of 3 replicas to answer, 1 did (');
    expect(error.message).toContain(`${order[0]}: holds the newest value`);
    expect(error.message).toContain(`${order[1]}: it said corrupt`);
    expect(error.message).toContain(`${order[2]}: connection refused`);
  });

  it('fetches the value where only a head is the newest, and brings the others up before it answers', async () => {
    hold(0, OLD);
    hold(1, NEW);
    const answer = await read();
    expect(answer.value).toEqual(Buffer.from('v20'));
    expect(answer.clock).toEqual([NEW, OLD]);
    expect([held(0), held(1)]).toContainEqual(NEW);
    expect(NODE_IDS.map((_, i) => held(i)).filter((dot) => dot?.timestamp === 20).length).toBeGreaterThanOrEqual(2);
  });

  it('writes a version back that only one of its replicas holds and the others lack', async () => {
    hold(0, NEW);
    node(2).conduct = 'deaf';
    expect((await read()).value).toEqual(Buffer.from('v20'));
    expect(held(1)).toEqual(NEW);
  });

  it('does not answer a version that its level can not be brought to hold', async () => {
    hold(0, NEW);
    node(2).conduct = 'down';
    const reading = read();
    const reply = failure(reading);
    // The head is answered as absent; then the node refuses the write-back.
    node(1).delayMs = 0.5;
    cluster.clock.after(1.2, () => {
      node(1).conduct = 'down';
    });
    node(0).delayMs = 1;
    expect(await reply).toMatchObject({ kind: 'quorum_not_reached' });
  });

  it('goes on with the newer version that a write-back meets', async () => {
    hold(0, OLD);
    node(2).conduct = 'deaf';
    node(0).delayMs = 2;
    const reading = read();
    // The head was told as absent; a write lands there before the write-back does.
    cluster.clock.after(1.5, () => hold(1, NEW));
    expect((await reading).value).toEqual(Buffer.from('v20'));
    expect(held(0)).toEqual(NEW);
  });

  it('hedges a replica that is slower than its recent 95th percentile', async () => {
    for (const i of [0, 1, 2]) hold(i, OLD);
    node(0).conduct = 'deaf';
    const startMs = cluster.clock.monotonicMs();
    await read();
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(10);
    expect(node(2).seen).toEqual(['read']);
  });

  it.each([
    ['that holds the value, too, answers with it', NEW, 'v20'],
    ['that lacks the version outvotes it with the first', OLD, 'v10'],
  ])(
    'when the one known holder dies before its value was fetched, a replica not asked yet %s',
    async (_what, third, value) => {
      hold(0, OLD);
      hold(1, NEW);
      hold(2, third);
      cluster.clock.after(0.8, () => {
        node(1).conduct = 'down';
      });
      // The head tells of the newer version; the fetch meets a replica that is gone.
      expect((await read()).value).toEqual(Buffer.from(value));
      expect(node(1).seen.slice(0, 2)).toEqual(['head', 'read']);
      expect(node(2).seen).toContain('read');
    },
  );

  it('fetches from elsewhere when the holder answers nothing any more, long before its operation times out', async () => {
    hold(0, OLD);
    hold(1, NEW);
    hold(2, NEW);
    node(0).delayMs = 0.6;
    cluster.clock.after(1.1, () => {
      node(1).conduct = 'deaf';
    });
    const startMs = cluster.clock.monotonicMs();
    expect((await read()).value).toEqual(Buffer.from('v20'));
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(20);
  });

  it('asks another replica while its client still waits, although the hedge would come later', async () => {
    for (const i of [0, 1, 2]) {
      hold(i, OLD);
      node(i).p95Ms = 100;
    }
    node(0).conduct = 'deaf';
    expect((await read('quorum', 50)).value).toEqual(Buffer.from('v10'));
  });

  it('hedges after the time that the fastest replicas take, whoever is asked first', async () => {
    for (const i of [0, 1, 2]) hold(i, OLD);
    Object.assign(node(0), { conduct: 'deaf', p95Ms: 15 });
    const startMs = cluster.clock.monotonicMs();
    await read();
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(8);
  });

  it('asks a replica last that is several times slower than the fastest, and again as usual once it is not', async () => {
    for (const i of [0, 1, 2]) hold(i, OLD);
    node(0).p95Ms = 21;
    await read();
    expect(node(0).seen).toEqual([]);
    node(0).p95Ms = 11;
    await read();
    expect(node(0).seen).toEqual([]);
    node(0).p95Ms = 9;
    await read();
    node(0).p95Ms = 19;
    await read();
    expect(node(0).seen).toEqual(['read', 'read']);
  });

  it('sends nothing for a client whose time is over by the wall clock, as after a machine slept', async () => {
    for (const i of [0, 1, 2]) hold(i, OLD);
    node(0).conduct = 'deaf';
    cluster.clock.after(1.5, () => {
      cluster.clock.wallOffsetMs += 60_000;
    });
    expect(await failure(read())).toMatchObject({ kind: 'deadline_exceeded' });
    expect(node(2).seen).toEqual([]);
  });

  it('goes to another replica at once when one fails', async () => {
    for (const i of [0, 1, 2]) hold(i, OLD);
    node(0).conduct = 'down';
    const startMs = cluster.clock.monotonicMs();
    await read();
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThan(4);
  });

  it.each([
    ['one', 2],
    ['quorum', 1],
    ['all', 0],
  ])('at level %s bears %i replicas that do not answer, and no more', async (level, bears) => {
    for (const i of [0, 1, 2]) hold(i, OLD);
    for (let i = 0; i < bears; i++) node(i).conduct = 'deaf';
    expect((await read(level)).value).toEqual(Buffer.from('v10'));
    node(bears).conduct = 'deaf';
    expect(await failure(read(level))).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: false });
  });

  it('ends with the deadline of its client', async () => {
    for (const i of [0, 1, 2]) node(i).conduct = 'deaf';
    expect(await failure(read('one', 300))).toMatchObject({ kind: 'deadline_exceeded' });
  });

  it('repairs a replica in the background that answered with less than the winner', async () => {
    for (const i of [1, 2]) hold(i, NEW);
    hold(0, OLD);
    node(0).delayMs = 3;
    node(1).delayMs = 0.1;
    node(2).p95Ms = 1;
    await read();
    await cluster.clock.advance(100);
    expect(held(0)).toEqual(NEW);
  });

  it('answers what it found although its time is over before a repair begins', async () => {
    hold(0, OLD);
    hold(1, NEW);
    cluster.clock.after(1.5, () => {
      node(0).conduct = 'down';
    });
    cluster.clock.after(2.5, () => {
      cluster.clock.wallOffsetMs += 60_000;
    });
    expect((await read()).value).toEqual(Buffer.from('v20'));
    await cluster.clock.advance(100);
    expect([held(0), held(2)]).toEqual([OLD, NEW]);
  });

  it('tries such a repair once only where the replica fails meanwhile', async () => {
    for (const i of [1, 2]) hold(i, NEW);
    hold(0, OLD);
    Object.assign(node(0), { delayMs: 3 });
    cluster.clock.after(1, () => {
      node(0).conduct = 'down';
    });
    await read();
    await cluster.clock.advance(100);
    expect(node(0).seen).toEqual(['read', 'write']);
  });

  it.each([
    [{ tenantId: '', key: 'k', consistency: '' }, 'tenant_id must not be empty'],
    [{ tenantId: 'demo', key: '', consistency: '' }, 'key must not be empty'],
    [{ tenantId: 'demo', key: 'k', consistency: 'most' }, 'consistency must be "one", "quorum" or "all"'],
  ])('refuses %j naming the field', async (request, message) => {
    const context = contextWithin(cluster.clock, 5000);
    const error = await failure(reads.read(request, context));
    expect(error.kind).toBe('invalid_field');
    expect(error.message).toContain(message);
  });

  it.each([
    ['the only copy', 1],
    ['a copy at a majority', 2],
  ])(
    'answers with %s of a key that lies hours ahead of every clock, and a write that follows does not vanish',
    async (_, copies) => {
      const aheadUs = (cluster.clock.wallMs() + 2 * 3_600_000) * 1000;
      for (let i = 0; i < copies; i++) {
        hold(i, { actor: 'ahead@1', timestamp: aheadUs }, 'of the future');
        node(i).greatestTimestampUs = aheadUs;
      }
      for (const away of [2, 1]) {
        node(away).conduct = 'down';
        expect(Buffer.from((await read()).value).toString()).toBe('of the future');
        node(away).conduct = 'up';
      }
      const writes = new ReplicatedWrite({ ...cluster, actor: 'me@1', replicaTimeoutMs: 2000 });
      const target = { tenant: TENANT, key: Buffer.from('key') };
      const within = () => contextWithin(cluster.clock, 5000);
      const dot = await cluster.clock.settle(writes.takeDot(target, 'quorum', within()));
      await cluster.clock.settle(writes.send(target, dot, Buffer.from('later'), 'quorum', within()));
      await cluster.clock.advance(3 * 3_600_000);
      expect(Buffer.from((await read()).value).toString()).toBe('later');
    },
  );
});
