import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import type { StorageEngine } from '../../src/ports/storage-engine.js';
import { openLmdbEngine } from '../../src/storage-node/lmdb-engine.js';
import { MemoryDisk, MemoryStorageEngine } from '../support/memory-storage-engine.js';

interface Place {
  /** Opens what earlier engines of this place left. */
  readonly open: () => StorageEngine;
  readonly remove: () => Promise<void>;
}

const PLACES: readonly (readonly [string, () => Promise<Place>])[] = [
  [
    'in memory',
    async () => {
      const disk = new MemoryDisk();
      return { open: () => new MemoryStorageEngine(disk, systemClock, () => 1), remove: async () => {} };
    },
  ],
  [
    'LMDB',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'quorate-engine-'));
      return { open: () => openLmdbEngine(folder), remove: () => rm(folder, { recursive: true, force: true }) };
    },
  ],
];

const bytes = (text: string) => Buffer.from(text, 'latin1');
const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : Buffer.from(value).toString('latin1');

describe.each(PLACES)('a storage engine %s', (_name, makePlace) => {
  let place: Place;
  let engine: StorageEngine;

  beforeEach(async () => {
    place = await makePlace();
    engine = place.open();
  });

  afterEach(async () => {
    await engine.close();
    await place.remove();
  });

  const put = (entries: Readonly<Record<string, string | undefined>>) =>
    engine.commit(
      Object.entries(entries).map(([key, value]) => ({
        key: bytes(key),
        value: value === undefined ? undefined : bytes(value),
      })),
    );
  const scan = (start: string, end: string) =>
    [...engine.range(bytes(start), bytes(end))].map(({ key, value }) => `${text(key)}=${text(value)}`);

  it('gives back what was committed, and nothing for what was not or was removed', async () => {
    await put({ a: '1', b: '2' });
    expect([text(engine.get(bytes('a'))), text(engine.get(bytes('b')))]).toEqual(['1', '2']);
    await put({ a: undefined, c: '3', gone: undefined });
    expect(engine.get(bytes('a'))).toBeUndefined();
    expect(engine.get(bytes('gone'))).toBeUndefined();
    expect(text(engine.get(bytes('c')))).toBe('3');
  });

  it('keeps what was committed for the next engine on the same place', async () => {
    await put({ a: '1', empty: '' });
    await engine.close();
    engine = place.open();
    expect(text(engine.get(bytes('a')))).toBe('1');
    expect(engine.get(bytes('empty'))?.length).toBe(0);
  });

  it('applies commits in the order in which they were begun, without waiting between', async () => {
    const commits = Array.from({ length: 50 }, (_, i) => put({ same: String(i), [`own-${i}`]: 'x' }));
    await Promise.all(commits);
    expect(text(engine.get(bytes('same')))).toBe('49');
    expect(scan('own-', 'own.').length).toBe(50);
  });

  it('scans a range from its start to before its end, in the order of unsigned bytes', async () => {
    await put({ '\x00': 'a', '\x7f': 'b', '\x80': 'c', '\xff\xff': 'd', '\x80\x00': 'e' });
    expect(scan('', '\xff\xff\xff')).toEqual(['\x00=a', '\x7f=b', '\x80=c', '\x80\x00=e', '\xff\xff=d']);
    expect(scan('\x7f', '\x80\x00')).toEqual(['\x7f=b', '\x80=c']);
    expect(scan('\x81', '\xff')).toEqual([]);
  });

  it('takes keys of 1,100 bytes and values of a MiB', async () => {
    const key = 'k'.repeat(1100);
    await put({ [key]: 'v'.repeat(1_048_576) });
    expect(engine.get(bytes(key))?.length).toBe(1_048_576);
  });

  it('gives out bytes that stay as they are, whatever is committed later', async () => {
    await put({ a: 'first' });
    const given = engine.get(bytes('a'));
    const scanned = [...engine.range(bytes('a'), bytes('b'))][0]?.value;
    for (let i = 0; i < 20; i++) await put({ a: `later ${i}`, [`fill-${i}`]: 'x'.repeat(5000) });
    expect([text(given), text(scanned)]).toEqual(['first', 'first']);
  });

  it('finishes what was begun before it closes', async () => {
    const begun = put({ a: '1' });
    await engine.close();
    await begun;
    engine = place.open();
    expect(text(engine.get(bytes('a')))).toBe('1');
  });
});

describe('a storage engine in memory', () => {
  it('loses in a crash what was not flushed, though it was shown', async () => {
    const disk = new MemoryDisk();
    const engine = new MemoryStorageEngine(disk, systemClock, () => 1);
    await engine.commit([{ key: bytes('a'), value: bytes('flushed') }]);
    void engine.commit([{ key: bytes('a'), value: bytes('shown') }]);
    expect(text(engine.get(bytes('a')))).toBe('shown');
    engine.crash(0);
    expect(text(new MemoryStorageEngine(disk, systemClock, () => 1).get(bytes('a')))).toBe('flushed');
  });

  it('rejects commits on a full disk, and shows nothing of them', async () => {
    const disk = new MemoryDisk();
    const engine = new MemoryStorageEngine(disk, systemClock, () => 1);
    disk.full = true;
    await expect(engine.commit([{ key: bytes('a'), value: bytes('x') }])).rejects.toThrow('ENOSPC');
    expect(engine.get(bytes('a'))).toBeUndefined();
  });
});
