import type { Dot } from '../../src/domain/clock.js';
import type { EngineWrite, StorageEngine } from '../../src/ports/storage-engine.js';
import { greatestTimestampWrite, type NodeMeta, readNodeMeta } from '../../src/storage-node/node-meta.js';
import { decodeRecord } from '../../src/wire/record-format.js';
import { TENANT_NUMBER_MAX } from '../../src/wire/storage-key.js';
import type { MemoryDisk } from '../support/memory-storage-engine.js';

const GREATEST = latin1(greatestTimestampWrite(0).key);

interface Written {
  readonly name: string;
  readonly value: Uint8Array | null;
}

/**
 * Looks at everything that reaches a disk. One dot names one write of one key for ever, on all disks; and a disk's greatest
 * timestamp never falls and is never below a dot that the disk holds.
 */
export class DiskWatch {
  readonly #violations: string[];
  readonly #written = new Map<string, Written>();
  readonly #greatestUs = new Map<string, number>();

  constructor(violations: string[]) {
    this.#violations = violations;
  }

  /** @param isRolledBack the folder was swapped for another: what the disk held before says nothing of it */
  watch(nodeId: string, disk: MemoryDisk, isRolledBack = false): void {
    if (isRolledBack) this.#greatestUs.delete(nodeId);
    disk.onStored = (writes) => this.#stored(nodeId, disk, writes);
  }

  /** A storage node opened the disk, and says so much. */
  opened(nodeId: string, greatestTimestampUs: number): void {
    const durableUs = this.#greatestUs.get(nodeId) ?? 0;
    if (greatestTimestampUs < durableUs) this.#violations.push(`storage node ${nodeId} forgot its greatest timestamp`);
  }

  #stored(nodeId: string, disk: MemoryDisk, writes: readonly EngineWrite[]): void {
    const beforeUs = this.#greatestUs.get(nodeId) ?? 0;
    const nowUs = greatestUsOf(disk);
    this.#greatestUs.set(nodeId, nowUs);
    if (nowUs < beforeUs) this.#violations.push(`the greatest timestamp of storage node ${nodeId} fell`);
    for (const { key, value } of writes) {
      if (value === undefined || !isRecord(key)) continue;
      const decoded = decodeRecord(value);
      if (decoded.kind !== 'record') continue;
      const { version } = decoded.record;
      if (version.dot.timestamp > nowUs)
        this.#violations.push(`storage node ${nodeId} stored a dot beyond its greatest timestamp`);
      this.#note(version.dot, { name: Buffer.from(key).toString('latin1'), value: version.value });
    }
  }

  #note({ actor, timestamp }: Dot, written: Written): void {
    const dot = `${actor} ${timestamp}`;
    const before = this.#written.get(dot);
    if (before === undefined) this.#written.set(dot, written);
    else if (!sameWrite(before, written)) this.#violations.push(`the dot ${dot} was given to two writes`);
  }
}

/** Reads nothing else: this is asked for at each commit. */
function greatestUsOf({ entries }: MemoryDisk): number {
  const get = (key: Uint8Array) => (latin1(key) === GREATEST ? entries.get(GREATEST) : undefined);
  return readNodeMeta({ ...NOWHERE, get }).greatestTimestampUs;
}

export function isRecord(key: Uint8Array): boolean {
  return Buffer.from(key.buffer, key.byteOffset, key.length).readUInt32BE() <= TENANT_NUMBER_MAX;
}

/** What a storage node would find on the disk. */
export function diskMeta({ entries }: MemoryDisk): NodeMeta {
  const names = [...entries.keys()].sort();
  return readNodeMeta({
    ...NOWHERE,
    get: (key) => entries.get(latin1(key)),
    *range(start, end) {
      const [from, to] = [latin1(start), latin1(end)];
      for (const name of names) {
        const value = entries.get(name);
        if (value !== undefined && name >= from && name < to) yield { key: Buffer.from(name, 'latin1'), value };
      }
    },
  });
}

const NOWHERE: StorageEngine = {
  get: () => undefined,
  range: () => [],
  commit: () => Promise.reject(new Error('nothing is written here')),
  close: async () => {},
};

function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

function sameWrite(a: Written, b: Written): boolean {
  if (a.name !== b.name || a.value === null || b.value === null) return a.name === b.name && a.value === b.value;
  return Buffer.compare(a.value, b.value) === 0;
}
