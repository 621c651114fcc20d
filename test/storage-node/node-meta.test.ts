import { describe, expect, it } from 'vitest';
import {
  countWrite,
  fenceWrite,
  greatestTimestampWrite,
  identityWrite,
  readNodeMeta,
} from '../../src/storage-node/node-meta.js';
import { MemoryDisk, MemoryStorageEngine } from '../support/memory-storage-engine.js';
import { VirtualClock } from '../support/virtual-clock.js';

const IDENTITY = { nodeId: 'n', storeId: 's', clusterId: 'c' };
const WRITES = [identityWrite(IDENTITY), fenceWrite(300), greatestTimestampWrite(2 ** 51 + 1), countWrite(7, 12)];

function diskOf(writes: typeof WRITES): MemoryDisk {
  const disk = new MemoryDisk();
  for (const { key, value } of writes) {
    if (value !== undefined) disk.entries.set(Buffer.from(key).toString('latin1'), Buffer.from(value));
  }
  return disk;
}
const metaOf = (disk: MemoryDisk) => readNodeMeta(new MemoryStorageEngine(disk, new VirtualClock(), () => 1));
const META = { identity: IDENTITY, fence: 300, greatestTimestampUs: 2 ** 51 + 1, counts: new Map([[7, 12]]) };

describe("a node's own entries", () => {
  it('are read as they were written', () => {
    expect(metaOf(diskOf(WRITES))).toEqual(META);
    expect(metaOf(new MemoryDisk())).toEqual({
      identity: undefined,
      fence: 0,
      greatestTimestampUs: 0,
      counts: new Map(),
    });
  });

  it.each(WRITES.map(({ key }) => [Buffer.from(key).toString('latin1', 4).split('/')[0] ?? '', key] as const))(
    'are never read with a single bit of "%s" changed: words for the operator instead',
    (name, key) => {
      const disk = diskOf(WRITES);
      const value = disk.entries.get(Buffer.from(key).toString('latin1')) ?? new Uint8Array(0);
      for (let bit = 0; bit < value.length * 8; bit++) {
        value[bit >> 3] = (value[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        // A format byte that this release does not know may as well be a newer release's.
        const words = bit < 8 ? /its entry|has format \d+, this release reads up to 2/ : `its entry "${name}" fails`;
        expect(() => metaOf(disk), `bit ${bit}`).toThrow(words);
        value[bit >> 3] = (value[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      }
      expect(metaOf(disk)).toEqual(META);
    },
  );

  it('are damaged when one stands in the place of another, or is cut short', () => {
    const [, fence, greatest] = WRITES;
    for (const value of [greatest?.value, fence?.value?.subarray(0, 4), new Uint8Array(0)]) {
      const disk = diskOf(WRITES);
      disk.entries.set(Buffer.from(fence?.key ?? []).toString('latin1'), value ?? new Uint8Array(0));
      expect(() => metaOf(disk)).toThrow('its entry "fence" fails');
    }
  });

  it('of a folder written before they had checksums are read still', () => {
    const old = WRITES.map(({ key, value }) => ({
      key,
      value: Buffer.concat([Buffer.of(1), Buffer.from(value ?? []).subarray(5)]),
    }));
    expect(metaOf(diskOf(old))).toEqual(META);
    const fence = Buffer.from('\x01\xff\xf8\0\0\0\0\0\0', 'latin1');
    expect(() => metaOf(diskOf([{ key: WRITES[1]?.key ?? fence, value: fence }]))).toThrow('its entry "fence"');
  });
});
