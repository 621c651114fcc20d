import { beforeEach, describe, expect, it } from 'vitest';
import type { WriteOutcome } from '../../src/services/coordinator-services.js';
import { KeyedCluster, type KeyedCoordinator, LEASE_MS, TARGET } from '../support/keyed-coordinators.js';

let keyed: KeyedCluster;
let one: KeyedCoordinator;
let other: KeyedCoordinator;

beforeEach(async () => {
  keyed = await KeyedCluster.make();
  one = keyed.coordinator('one@1');
  other = keyed.coordinator('other@1');
});

const dotOf = ({ clock }: WriteOutcome) => clock[0] ?? expect.fail('an empty clock');
/** A plain write of another value. */
const overwrite = async (timestamp?: number) => {
  const dot =
    timestamp === undefined
      ? await keyed.settle(one.writes.takeDot(TARGET, 'quorum', keyed.within(5000)))
      : { actor: 'ahead@1', timestamp };
  await keyed.settle(one.writes.send(TARGET, dot, Buffer.from('another'), 'quorum', keyed.within(5000)));
};

describe('the dot of a keyed write', () => {
  it.each(['one', 'quorum', 'all'] as const)(
    'is greater than what a majority ever stored at level %s',
    async (level) => {
      const { replicas, clock } = keyed.cluster;
      const farUs = clock.wallMs() * 1000 + 90_000_000;
      for (const id of ['b', 'c']) Object.assign(replicas.node(id), { greatestTimestampUs: farUs, delayMs: 5 });
      expect(dotOf(await keyed.settle(one.send({ level }))).timestamp).toBe(farUs + 1);
    },
  );

  it('lets a write at "one" be taken over at "quorum" and not lose to what a quorum had acknowledged before', async () => {
    const { replicas, clock } = keyed.cluster;
    keyed.setReplicas('deaf', ['a']);
    await overwrite(clock.wallMs() * 1000 + 90_000_000);
    keyed.setReplicas('up', ['a']);
    for (const id of ['b', 'c']) replicas.node(id).delayMs = 5;
    one.store.on('reserve', () => keyed.setReplicas('deaf'));
    expect(await keyed.failure(one.send({ level: 'one' }))).toMatchObject({ outcomeUnknown: true });
    keyed.setReplicas('up');
    expect(await keyed.settle(other.send({ level: 'quorum' }))).toMatchObject({ isDuplicate: false });
    expect(keyed.held).toEqual(['value', 'value', 'value']);
  });
});

describe('an acknowledged keyed write whose answer could not be stored', () => {
  const acknowledged = async () => {
    one.store.set('away', 'storeAnswer');
    const first = await keyed.settle(one.send());
    expect(first.isDuplicate).toBe(false);
    await keyed.cluster.clock.advance(LEASE_MS);
    return first;
  };

  it('is told as the duplicate it is, with its own dot, by whoever takes it over', async () => {
    const first = await acknowledged();
    const again = await keyed.settle(other.send());
    expect(again).toMatchObject({ isDuplicate: true, clock: [dotOf(first)], replicaCount: 2, level: 'quorum' });
    expect(await keyed.settle(one.send())).toMatchObject({ isDuplicate: true, clock: [dotOf(first)] });
  });

  it('is told so although another write has passed it', async () => {
    const first = await acknowledged();
    await overwrite();
    expect(await keyed.settle(other.send())).toMatchObject({ isDuplicate: true, clock: [dotOf(first)] });
    expect(keyed.held).toEqual(['another', 'another', 'another']);
  });

  it('is told so by one replica of the majority that held it', async () => {
    keyed.setReplicas('deaf', ['c']);
    const first = await acknowledged();
    keyed.setReplicas('up', ['c']);
    keyed.setReplicas('down', ['a']);
    expect(await keyed.settle(other.send())).toMatchObject({ isDuplicate: true, clock: [dotOf(first)] });
  });

  it('is told so after a take-over that failed, too', async () => {
    const first = await acknowledged();
    other.store.on('takeOver', () => keyed.setReplicas('deaf'));
    expect(await keyed.failure(other.send())).toMatchObject({ outcomeUnknown: true });
    keyed.setReplicas('up');
    expect(await keyed.settle(one.send())).toMatchObject({ isDuplicate: true, clock: [dotOf(first)] });
  });

  it('is told so after a take-over whose answer was lost, too', async () => {
    const first = await acknowledged();
    other.store.set('lossy', 'takeOver');
    expect(await keyed.failure(other.send())).toMatchObject({ kind: 'metadata_unavailable', outcomeUnknown: true });
    expect(await keyed.settle(one.send())).toMatchObject({ isDuplicate: true, clock: [dotOf(first)] });
  });

  it('keeps its row when a take-over fails before it has sent anything', async () => {
    const first = await acknowledged();
    other.store.on('takeOver', () => keyed.setReplicas('down'));
    expect(await keyed.failure(other.send())).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: true });
    expect(keyed.row?.dot).toEqual(dotOf(first));
    keyed.setReplicas('up');
    expect(await keyed.settle(one.send())).toMatchObject({ isDuplicate: true, clock: [dotOf(first)] });
  });

  it('gets its answer stored whole once the store is back', async () => {
    one.store.set('away', 'storeAnswer');
    const first = await keyed.settle(one.send());
    await keyed.cluster.clock.advance(3000);
    expect(keyed.row?.answer).toBeUndefined();
    one.store.set('up');
    await keyed.cluster.clock.advance(5000);
    expect(await keyed.settle(other.send())).toEqual({ ...first, isDuplicate: true });
  });
});

describe('a keyed write that is taken over', () => {
  it('is no duplicate when every replica tells that it never met the dot', async () => {
    const dot = await keyed.reserveAndStop(one.store);
    expect(await keyed.settle(other.send())).toMatchObject({ isDuplicate: false, clock: [dot] });
  });

  it('is a duplicate when a replica that may have acknowledged it at "one" tells nothing', async () => {
    const dot = await keyed.reserveAndStop(one.store);
    keyed.setReplicas('deaf', ['a']);
    expect(await keyed.settle(other.send())).toMatchObject({ isDuplicate: true, clock: [dot] });
  });

  it('is no duplicate when all attempts before it had failed, whatever the replicas hold of them', async () => {
    one.store.on('reserve', () => keyed.setReplicas('silent'));
    expect(await keyed.failure(one.send())).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: true });
    expect(keyed.held).toEqual(['value', 'value', 'value']);
    keyed.setReplicas('up');
    expect(await keyed.settle(other.send())).toMatchObject({ isDuplicate: false });
  });

  it('is acknowledged as the first by one owner only, though the former one is slow and succeeds after it', async () => {
    const slow = keyed.coordinator('slow@1', 60_000);
    slow.store.on('reserve', () => {
      for (const node of keyed.cluster.replicas.nodes.values()) node.delayMs = 2 * LEASE_MS;
    });
    const late = slow.send({ withinMs: 60_000 });
    await keyed.cluster.clock.advance(LEASE_MS / 2);
    for (const node of keyed.cluster.replicas.nodes.values()) node.delayMs = 0.5;
    await keyed.cluster.clock.advance(LEASE_MS / 2 + 1);
    const taken = await keyed.settle(other.send());
    expect([taken.isDuplicate, (await keyed.settle(late)).isDuplicate]).toEqual([false, true]);
    expect((await keyed.settle(late)).clock).toEqual([dotOf(taken)]);
  });
});

it('a keyed row lives 24 h from its answer', async () => {
  await keyed.reserveAndStop(one.store);
  const reservedUntilMs = keyed.row?.expiresAtMs ?? 0;
  await keyed.cluster.clock.advance(3_600_000);
  await keyed.settle(other.send());
  expect((keyed.row?.expiresAtMs ?? 0) - reservedUntilMs).toBeGreaterThanOrEqual(3_600_000);
});
