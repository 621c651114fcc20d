import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyedRow } from '../../src/ports/idempotency-store.js';
import { RowChanges } from '../../src/services/row-changes.js';
import { MemoryIdempotencyStore } from '../support/memory-idempotency-store.js';
import { MemoryMetadata } from '../support/memory-metadata.js';
import { ScriptedIdempotencyStore } from '../support/scripted-idempotency-store.js';
import { seededRandom } from '../support/seeded-random.js';
import { MemoryLog } from '../support/silent-log.js';
import { VirtualClock } from '../support/virtual-clock.js';

describe('changes of idempotency rows', () => {
  let clock: VirtualClock;
  let metadata: MemoryMetadata;
  let store: ScriptedIdempotencyStore;
  let log: MemoryLog;
  let changes: RowChanges;

  beforeEach(() => {
    clock = new VirtualClock();
    metadata = new MemoryMetadata(seededRandom(1), () => clock.wallMs());
    store = new ScriptedIdempotencyStore(new MemoryIdempotencyStore(metadata));
    log = new MemoryLog();
    changes = new RowChanges({ store, clock, log });
  });

  const answered = (i: number, keyBytes = 10) => {
    const dot = { actor: 'c@1', timestamp: i + 1 };
    const row: KeyedRow = {
      scope: { tenantNumber: 1, key: Buffer.alloc(keyBytes), idempotencyKey: Buffer.from(String(i)) },
      fingerprint: Buffer.alloc(32),
      dot,
      owner: `c@1/${i}`,
    };
    return { kind: 'answer', row, answer: { clock: [dot], replicaCount: 2, level: 'quorum' } } as const;
  };
  const addAll = (count: number, keyBytes?: number) => {
    for (let i = 0; i < count; i++) changes.add(answered(i, keyBytes));
  };
  const dropped = () => log.lines.map(({ fields }) => fields.dropped);

  it('are made at once while the store answers', async () => {
    addAll(1000);
    await clock.advance(0);
    expect(metadata.idempotency.size).toBe(1000);
  });

  it('are tried again until the store is back, ever less often and a bounded number at once', async () => {
    store.set('away');
    addAll(1000);
    await clock.advance(60_000);
    expect(store.seen.length).toBeLessThan(1000 + 256 * 20);
    store.set('up');
    await clock.advance(5001);
    expect(metadata.idempotency.size).toBe(1000);
    expect(log.lines).toEqual([]);
  });

  it('are tried again by one only, who ends with their coordinator, also when the store goes away as soon as it is back', async () => {
    store.set('away');
    addAll(1000);
    await clock.advance(0);
    store.set('up');
    store.seen.length = 0;
    // The first ones of a retry are taken, and those that follow at once are not.
    store.on('storeAnswer', () => store.set(store.seen.length <= 256 ? 'up' : 'away'));
    await clock.advance(300);
    expect(metadata.idempotency.size).toBe(256);
    expect(store.seen).toHaveLength(512);
    await clock.settle(changes.stop());
    await clock.advance(60_000);
    expect(store.seen).toHaveLength(512);
  });

  it.each([
    ['number', 12_345, 10, 2345],
    ['bytes', 5000, 10_000, 5000 - Math.floor((16 * 1024 * 1024) / 10_404)],
  ])('are bounded in %s, and what is dropped is said in one line', async (_what, count, keyBytes, expected) => {
    store.set('silent');
    addAll(count, keyBytes);
    await clock.advance(5001);
    expect(dropped()).toEqual([expected]);
  });

  it.each(['up', 'away'] as const)('take room until they are made: %s at first', async (conduct) => {
    for (let round = 0; round < 3; round++) {
      store.set(conduct);
      addAll(6000);
      await clock.advance(0);
      store.set('up');
      await clock.advance(10_000);
    }
    expect(log.lines).toEqual([]);
  });

  it('are dropped when they are too old', async () => {
    store.set('away');
    addAll(300);
    await clock.advance(700_000);
    expect(dropped()).toEqual([300]);
    store.set('up');
    await clock.advance(10_000);
    expect(metadata.idempotency.size).toBe(0);
  });

  it('end with their coordinator: what is under way may end, for a moment, and nothing else begins', async () => {
    addAll(3);
    await clock.settle(changes.stop());
    expect(metadata.idempotency.size).toBe(3);
    const stuck = new RowChanges({ store, clock, log });
    store.set('silent');
    stuck.add(answered(9));
    const beganMs = clock.monotonicMs();
    await clock.settle(stuck.stop());
    expect(clock.monotonicMs() - beganMs).toBeLessThanOrEqual(2000);
    stuck.add(answered(10));
    expect(store.seen).toHaveLength(4);
  });
});
