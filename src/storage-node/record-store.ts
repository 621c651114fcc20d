import { sameDot, type Clock as VectorClock } from '../domain/clock.js';
import { acceptedUntilUs, FOLLOWED_DOT_MAX_MS } from '../domain/hybrid-clock.js';
import { mergeRecords, sameRecord, type VersionedRecord } from '../domain/record.js';
import type { Clock } from '../ports/clock.js';
import type { StorageEngine } from '../ports/storage-engine.js';
import { decodeRecord, encodeRecord } from '../wire/record-format.js';
import type { GroupCommit, OpenCommit } from './group-commit.js';
import { countWrite, greatestTimestampWrite, type NodeMeta, RECORDS_END } from './node-meta.js';

const ERASED_AT_ONCE = 1000;

/**
 * Held: the record's dot is the node's version. Passed: its version is greater. Both with the clock after the merge;
 * `asSent` when that is the record's own.
 */
export type MergeResult =
  | { readonly kind: 'held' | 'passed'; readonly clock: VectorClock; readonly asSent: boolean }
  | { readonly kind: 'refused'; readonly reason: 'corrupt' | 'future_dot' | 'malformed'; readonly message: string };

export type ReadingResult =
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'record' } & StoredRecord)
  | { readonly kind: 'corrupt'; readonly message: string };

interface StoredRecord {
  readonly record: VersionedRecord;
  /** The record in its storage format. */
  readonly bytes: Uint8Array;
}

interface Unflushed extends StoredRecord {
  readonly commit: OpenCommit;
}

/**
 * The records of one storage node. Merges happen in memory at once, against what is not flushed yet and what the
 * engine holds; their results wait for the flush, and so does every answer that rests on an unflushed version.
 */
export class RecordStore {
  readonly #engine: StorageEngine;
  readonly #commits: GroupCommit;
  readonly #clock: Clock;
  readonly #unflushed = new Map<string, Unflushed>();
  readonly #counts: Map<number, number>;
  #greatestTimestampUs: number;

  constructor(engine: StorageEngine, commits: GroupCommit, clock: Clock, meta: NodeMeta) {
    this.#engine = engine;
    this.#commits = commits;
    this.#clock = clock;
    this.#counts = new Map(meta.counts);
    this.#greatestTimestampUs = meta.greatestTimestampUs;
  }

  /** The greatest timestamp ever stored, microseconds: never falls, outlives its records. */
  get greatestTimestampUs(): number {
    return this.#greatestTimestampUs;
  }

  /** The greatest timestamp that is taken now, microseconds, from whoever follows no version of its key. */
  get acceptedUntilUs(): number {
    return acceptedUntilUs(this.#clock.wallMs(), this.#greatestTimestampUs);
  }

  /** Records of all tenants without tombstones. */
  get keysCount(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  /**
   * Merges a record into what stands under the key.
   * @param bytes a record in its storage format
   * @param followsUs the greatest timestamp of a version of this key that some replica holds; 0 where none is known
   * @returns a promise where the result rests on something not yet flushed; it rejects when the engine fails
   */
  merge(
    tenantNumber: number,
    storageKey: Uint8Array,
    bytes: Uint8Array,
    followsUs = 0,
  ): MergeResult | Promise<MergeResult> {
    const incoming = decodeRecord(bytes);
    if (incoming.kind !== 'record') {
      return { kind: 'refused', reason: 'malformed', message: 'the operation holds no usable record' };
    }
    const { dot } = incoming.record.version;
    if (dot.timestamp > Math.max(this.acceptedUntilUs, followsUs + FOLLOWED_DOT_MAX_MS * 1000)) {
      const message = "the write's timestamp lies more than an hour beyond this node's clock";
      return { kind: 'refused', reason: 'future_dot', message };
    }
    const name = nameOf(storageKey);
    const unflushed = this.#unflushed.get(name);
    const stored = unflushed ?? this.#load(storageKey);
    if (stored !== undefined && 'message' in stored) {
      return { kind: 'refused', reason: 'corrupt', message: stored.message };
    }
    const merged = stored === undefined ? incoming.record : mergeRecords(stored.record, incoming.record);
    const kind = sameDot(merged.version.dot, dot) ? 'held' : 'passed';
    const asSent = sameRecord(merged, incoming.record);
    const result = { kind, clock: merged.clock, asSent } as const;
    if (merged === stored?.record) {
      return unflushed === undefined ? result : unflushed.commit.flushed.then(() => result);
    }
    const commit = this.#put(storageKey, name, { record: merged, bytes: asSent ? bytes : encodeRecord(merged) });
    this.#count(commit, tenantNumber, live(merged) - live(stored?.record));
    this.#raiseGreatest(commit, dot.timestamp);
    return commit.flushed.then(() => result);
  }

  /** What stands under the key, flushed. */
  read(storageKey: Uint8Array): ReadingResult | Promise<ReadingResult> {
    const unflushed = this.#unflushed.get(nameOf(storageKey));
    if (unflushed !== undefined) {
      const { record, bytes, commit } = unflushed;
      // Newer versions may pile up meanwhile; this one is flushed then, which is all that an answer needs.
      return commit.flushed.then(() => ({ kind: 'record', record, bytes }));
    }
    const stored = this.#load(storageKey);
    if (stored === undefined) return { kind: 'absent' };
    return 'message' in stored ? { kind: 'corrupt', ...stored } : { kind: 'record', ...stored };
  }

  /**
   * Removes all records, but not the greatest timestamp. Resolves when that is flushed.
   * @param mayErase asked in the turn that adds a piece: from the moment it says no, nothing is removed any more
   * @returns whether all records were removed
   */
  async eraseAll(mayErase: () => boolean): Promise<boolean> {
    await this.#commits.idle();
    for (;;) {
      if (!mayErase()) return false;
      const keys: Uint8Array[] = [];
      for (const { key } of this.#engine.range(new Uint8Array(0), RECORDS_END)) {
        if (keys.push(key) >= ERASED_AT_ONCE) break;
      }
      const commit = this.#commits.open();
      for (const key of keys) commit.add({ key, value: undefined });
      if (keys.length === 0) {
        for (const tenantNumber of this.#counts.keys()) commit.add(countWrite(tenantNumber, 0));
        this.#counts.clear();
      }
      await commit.flushed;
      if (keys.length === 0) return true;
    }
  }

  #load(storageKey: Uint8Array): StoredRecord | { readonly message: string } | undefined {
    const bytes = this.#engine.get(storageKey);
    if (bytes === undefined) return undefined;
    const decoded = decodeRecord(bytes);
    if (decoded.kind === 'record') return { record: decoded.record, bytes };
    return { message: decoded.kind === 'corrupt' ? decoded.reason : 'the record is unusable: it has no value' };
  }

  #put(key: Uint8Array, name: string, { record, bytes }: StoredRecord): OpenCommit {
    const commit = this.#commits.open();
    commit.add({ key, value: bytes });
    this.#unflushed.set(name, { record, bytes, commit });
    commit.flushed.then(
      () => {
        if (this.#unflushed.get(name)?.commit === commit) this.#unflushed.delete(name);
      },
      () => {
        // The store serves nothing any more; whoever waits for the flush is told.
      },
    );
    return commit;
  }

  #count(commit: OpenCommit, tenantNumber: number, change: number): void {
    if (change === 0) return;
    const count = (this.#counts.get(tenantNumber) ?? 0) + change;
    this.#counts.set(tenantNumber, count);
    commit.add(countWrite(tenantNumber, count));
  }

  #raiseGreatest(commit: OpenCommit, timestampUs: number): void {
    if (timestampUs <= this.#greatestTimestampUs) return;
    this.#greatestTimestampUs = timestampUs;
    commit.add(greatestTimestampWrite(timestampUs));
  }
}

function live(record: VersionedRecord | undefined): number {
  return record === undefined || record.version.value === null ? 0 : 1;
}

function nameOf(storageKey: Uint8Array): string {
  return Buffer.from(storageKey.buffer, storageKey.byteOffset, storageKey.length).toString('latin1');
}
