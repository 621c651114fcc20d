import { beforeEach, describe, expect, it } from 'vitest';
import type { Dot } from '../../src/domain/clock.js';
import { recordOf } from '../../src/domain/record.js';
import { StorageNode } from '../../src/storage-node/storage-node.js';
import { encodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey } from '../../src/wire/storage-key.js';
import { MemoryDisk, MemoryStorageEngine } from '../support/memory-storage-engine.js';
import { seededRandom } from '../support/seeded-random.js';
import { VirtualClock } from '../support/virtual-clock.js';

const KEY = encodeStorageKey({ tenantNumber: 1, token: 9n, key: Buffer.from('key') });
const FLUSH_MS = 10;
const bytes = (timestamp: number, value: string | null = `v${timestamp}`, actor = 'c@1') =>
  encodeRecord(recordOf({ actor, timestamp }, value === null ? null : Buffer.from(value)));

describe('the record store of a storage node', () => {
  let clock: VirtualClock;
  let disk: MemoryDisk;
  let engine: MemoryStorageEngine;
  let node: StorageNode;
  let failures: unknown[];

  const start = async () => {
    engine = new MemoryStorageEngine(disk, clock, () => FLUSH_MS);
    const parts = {
      nodeId: 'n',
      engine,
      clock,
      random: seededRandom(1),
      onFailure: (failure: unknown) => failures.push(failure),
    };
    node = await clock.settle(StorageNode.open(parts));
  };
  const merge = (record: Uint8Array, key = KEY) => clock.settle(Promise.resolve(node.records.merge(1, key, record)));
  const read = (key = KEY) => clock.settle(Promise.resolve(node.records.read(key)));
  const dot = (timestamp: number, actor = 'c@1'): Dot => ({ actor, timestamp });

  beforeEach(async () => {
    clock = new VirtualClock();
    disk = new MemoryDisk();
    failures = [];
    await start();
  });

  it('answers a write only when it is flushed, and a read of it no sooner', async () => {
    const startMs = clock.monotonicMs();
    const merged = node.records.merge(1, KEY, bytes(5));
    const reading = node.records.read(KEY);
    let answered = 0;
    for (const waiting of [merged, reading]) void Promise.resolve(waiting).then(() => answered++);
    await clock.advance(FLUSH_MS - 1);
    expect(answered).toBe(0);
    expect(await clock.settle(Promise.resolve(merged))).toEqual({ kind: 'held', clock: [dot(5)], asSent: true });
    expect(await clock.settle(Promise.resolve(reading))).toMatchObject({ kind: 'record', record: { clock: [dot(5)] } });
    expect(clock.monotonicMs() - startMs).toBe(FLUSH_MS);
  });

  it('answers what rests on nothing unflushed at once', async () => {
    await merge(bytes(5));
    expect(node.records.read(KEY)).not.toBeInstanceOf(Promise);
    expect(node.records.merge(1, KEY, bytes(5))).toEqual({ kind: 'held', clock: [dot(5)], asSent: true });
  });

  it('lets a duplicate and a passed write wait for the version that they rest on', async () => {
    void node.records.merge(1, KEY, bytes(5));
    expect(node.records.merge(1, KEY, bytes(5))).toBeInstanceOf(Promise);
    const passed = await merge(bytes(4));
    expect(passed).toEqual({ kind: 'passed', clock: [dot(5)], asSent: false });
  });

  it('merges against what is not flushed yet, so that many writes of a key share a flush', async () => {
    const startMs = clock.monotonicMs();
    const results = await clock.settle(
      Promise.all(
        [3, 1, 2].map((timestamp) => node.records.merge(1, KEY, bytes(timestamp, `v${timestamp}`, `c@${timestamp}`))),
      ),
    );
    expect(results.map((result) => result.kind)).toEqual(['held', 'passed', 'passed']);
    expect(clock.monotonicMs() - startMs).toBe(FLUSH_MS);
    expect(await read()).toMatchObject({ record: { clock: [dot(3, 'c@3'), dot(2, 'c@2'), dot(1, 'c@1')] } });
  });

  it('commits one group at a time: what arrives during a flush shares the next one', async () => {
    const startMs = clock.monotonicMs();
    const keys = Array.from({ length: 100 }, (_, i) =>
      encodeStorageKey({ tenantNumber: 1, token: BigInt(i), key: Buffer.from('k') }),
    );
    const first = node.records.merge(1, KEY, bytes(1));
    await clock.advance(1);
    const later = keys.map((key) => node.records.merge(1, key, bytes(2)));
    await clock.settle(Promise.all([first, ...later]));
    expect(clock.monotonicMs() - startMs).toBe(2 * FLUSH_MS);
  });

  it('forgets in a crash what was never acknowledged, and never its greatest timestamp of what was', async () => {
    await merge(bytes(5));
    void node.records.merge(1, KEY, bytes(9));
    expect(node.records.greatestTimestampUs).toBe(9);
    engine.crash(0);
    await start();
    expect(node.records.greatestTimestampUs).toBe(5);
    expect(await read()).toMatchObject({ record: { clock: [dot(5)] } });
    expect(node.records.keysCount).toBe(1);
  });

  it('counts keys without tombstones, also over a restart', async () => {
    const other = encodeStorageKey({ tenantNumber: 2, token: 1n, key: Buffer.from('other') });
    await merge(bytes(1));
    await clock.settle(Promise.resolve(node.records.merge(2, other, bytes(1))));
    expect(node.records.keysCount).toBe(2);
    await merge(bytes(2, null));
    expect(node.records.keysCount).toBe(1);
    await start();
    expect(node.records.keysCount).toBe(1);
    await merge(bytes(3));
    expect(node.records.keysCount).toBe(2);
  });

  it('refuses a dot of more than an hour beyond its clock, and what is no record', async () => {
    const nowUs = Math.floor(clock.wallMs() * 1000);
    const hourUs = 3_600_000_000;
    expect(await merge(bytes(nowUs + hourUs + 1_000_000))).toMatchObject({ kind: 'refused', reason: 'future_dot' });
    expect(await merge(bytes(nowUs + hourUs - 1_000_000))).toMatchObject({ kind: 'held' });
    expect(await merge(Buffer.from('nonsense'))).toMatchObject({ kind: 'refused', reason: 'malformed' });
  });

  it('never takes a corrupt record for an absent one', async () => {
    await merge(bytes(5));
    for (const [name, value] of disk.entries) {
      if (name === Buffer.from(KEY).toString('latin1')) value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
    }
    expect(await read()).toMatchObject({ kind: 'corrupt', message: expect.stringContaining('checksum') });
    expect(await merge(bytes(9))).toMatchObject({ kind: 'refused', reason: 'corrupt' });
  });

  it('erases all records, a thousand at a time, but never its greatest timestamp', async () => {
    const keys = Array.from({ length: 2500 }, (_, i) =>
      encodeStorageKey({ tenantNumber: 1, token: BigInt(i), key: Buffer.from('k') }),
    );
    await clock.settle(Promise.all(keys.map((key, i) => node.records.merge(1, key, bytes(i + 1)))));
    expect(node.records.keysCount).toBe(2500);
    expect(await clock.settle(node.records.eraseAll(() => true))).toBe('erased');
    expect(node.records.keysCount).toBe(0);
    await start();
    expect(node.records.keysCount).toBe(0);
    expect(await read(keys[7])).toEqual({ kind: 'absent' });
    expect(node.records.greatestTimestampUs).toBe(2500);
  });

  it('erases nothing more once it may not, whatever was written since', async () => {
    const keys = Array.from({ length: 2500 }, (_, i) =>
      encodeStorageKey({ tenantNumber: 1, token: BigInt(i), key: Buffer.from('k') }),
    );
    await clock.settle(Promise.all(keys.map((key, i) => node.records.merge(1, key, bytes(i + 1)))));
    let pieces = 0;
    const erasing = node.records.eraseAll(() => ++pieces === 1);
    await clock.settle(Promise.resolve(node.records.merge(1, KEY, bytes(9000))));
    expect(await clock.settle(erasing)).toBe('stopped');
    expect(await read()).toMatchObject({ record: { clock: [dot(9000)] } });
    expect(await read(keys[2000])).toMatchObject({ kind: 'record' });
  });

  it('acknowledges nothing once the disk is full, and reports it once', async () => {
    disk.full = true;
    await expect(merge(bytes(5))).rejects.toThrow('ENOSPC');
    await expect(merge(bytes(6))).rejects.toThrow('ENOSPC');
    expect(failures).toHaveLength(1);
    disk.full = false;
    await start();
    expect(await read()).toEqual({ kind: 'absent' });
  });

  it('refuses a data folder of another node, and one of a newer release', async () => {
    const parts = { engine, clock, random: seededRandom(2), onFailure: () => {} };
    await expect(StorageNode.open({ ...parts, nodeId: 'other' })).rejects.toThrow(
      'belongs to storage node "n", not "other"',
    );
    for (const value of disk.entries.values()) value[0] = 9;
    await expect(StorageNode.open({ ...parts, nodeId: 'n' })).rejects.toThrow('format 9');
  });
});
