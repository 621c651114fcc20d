import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from 'vitest';
import { KeyedCluster, type KeyedCoordinator, TWIN_WAIT_MS } from '../support/keyed-coordinators.js';

let keyed: KeyedCluster;
let one: KeyedCoordinator;
let other: KeyedCoordinator;

beforeEach(async () => {
  keyed = await KeyedCluster.make();
  one = keyed.coordinator('one@1');
  other = keyed.coordinator('other@1');
});

const nowMs = () => keyed.cluster.clock.monotonicMs();
/** Lets the event loop have a turn, so that promises and the collector get on. */
const turn = () => new Promise(setImmediate);

describe('while the metadata store hangs, a keyed write', () => {
  it.each([
    ['before it has reserved', 'reserve'],
    ['when replicas can not be asked', 'find'],
  ] as const)('ends by its deadline %s, with nothing written', async (_when, method) => {
    one.store.set('silent', method);
    if (method === 'find') keyed.setReplicas('down');
    expect(await keyed.failure(one.send({ withinMs: 1000 }))).toMatchObject({
      kind: 'deadline_exceeded',
      outcomeUnknown: false,
    });
    expect(nowMs()).toBe(1000);
  });

  it.each(['silent', 'down'] as const)('fails as soon as its replicas do: %s', async (conduct) => {
    one.store.set('silent', 'release', 'forget');
    one.store.on('reserve', () => keyed.setReplicas(conduct));
    const failure = await keyed.failure(one.send({ withinMs: 5000 }));
    expect(failure).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: conduct === 'silent' });
    expect(nowMs()).toBeLessThan(2010);
    expect(one.store.seen).toContain(conduct === 'silent' ? 'release' : 'forget');
  });

  it('is answered without waiting for its answer to be stored', async () => {
    one.store.set('silent', 'storeAnswer');
    await keyed.settle(one.send());
    expect(nowMs()).toBeLessThan(10);
  });

  it('keeps no value once it has ended', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    one.store.set('silent', 'reserve');
    let value: Uint8Array | undefined = new Uint8Array(1_000_000);
    const kept = new WeakRef(value.buffer);
    await keyed.failure(one.send({ value, withinMs: 1000 }));
    value = undefined;
    for (let i = 0; i < 10 && kept.deref() !== undefined; i++) {
      await turn();
      collect();
    }
    expect(kept.deref()).toBeUndefined();
  });
});

describe('a keyed write that is reserved after its deadline', () => {
  it('has it deleted, for its client was told that nothing is written', async () => {
    await keyed.cluster.clock.advance(10_000);
    one.store.delay('reserve', (done) => void keyed.cluster.clock.after(2000, done));
    const beganMs = nowMs();
    expect(await keyed.failure(one.send({ withinMs: 1000 }))).toMatchObject({
      kind: 'deadline_exceeded',
      outcomeUnknown: false,
    });
    expect(nowMs() - beganMs).toBe(1000);
    await keyed.cluster.clock.advance(2000);
    expect(one.store.seen).toEqual(['reserve', 'forget']);
    expect(keyed.row).toBeUndefined();
    expect(keyed.held).toEqual(['', '', '']);
  });
});

describe('a keyed write whose reservation may or may not have been stored', () => {
  it('has it deleted as soon as the store is back, for its client was told that nothing is written', async () => {
    one.store.set('lossy', 'reserve');
    one.store.set('away', 'forget');
    expect(await keyed.failure(one.send())).toMatchObject({ kind: 'metadata_unavailable', outcomeUnknown: false });
    expect(keyed.row).toBeDefined();
    one.store.set('up');
    await keyed.cluster.clock.advance(1000);
    expect(keyed.row).toBeUndefined();
  });
});

describe('a keyed write whose earlier attempt still runs', () => {
  /** On its own coordinator, or on the other one. */
  const cases = [
    ['here', () => one],
    ['elsewhere', () => other],
  ] as const;
  const earlier = async () => {
    one.store.on('reserve', () => keyed.setReplicas('deaf'));
    const running = one.send({ withinMs: 60_000 }).catch(() => {});
    await keyed.cluster.clock.advance(10);
    keyed.setReplicas('up');
    return running;
  };

  it.each(cases)('is told so in time, and that the write may take effect: %s', async (_where, coordinator) => {
    one = keyed.coordinator('one@1', 30_000);
    void earlier();
    await keyed.cluster.clock.advance(20);
    const beganMs = nowMs();
    const failure = await keyed.failure(coordinator().send({ withinMs: 30_000 }));
    expect(failure).toMatchObject({ kind: 'idempotency_running', outcomeUnknown: true });
    expect(nowMs() - beganMs).toBeGreaterThanOrEqual(TWIN_WAIT_MS);
    expect(nowMs() - beganMs).toBeLessThan(TWIN_WAIT_MS + 200);
  });

  it.each(cases)('is told of its deadline when that passes first: %s', async (_where, coordinator) => {
    one = keyed.coordinator('one@1', 30_000);
    void earlier();
    await keyed.cluster.clock.advance(20);
    const beganMs = nowMs();
    const failure = await keyed.failure(coordinator().send({ withinMs: 500 }));
    expect(failure).toMatchObject({ kind: 'deadline_exceeded', outcomeUnknown: true });
    expect(nowMs() - beganMs).toBeLessThanOrEqual(500);
  });

  it('says that the write may take effect when the replicas can not be asked meanwhile', async () => {
    one = keyed.coordinator('one@1', 30_000);
    void earlier();
    await keyed.cluster.clock.advance(20);
    keyed.setReplicas('down');
    const failure = await keyed.failure(other.send());
    expect(failure).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: true });
  });
});
