import { sameDot, type Clock as VectorClock } from '../domain/clock.js';
import { acceptedUntilUs, FOLLOWED_DOT_MAX_MS } from '../domain/hybrid-clock.js';
import { mergeRecords, sameRecord, type VersionedRecord } from '../domain/record.js';
import type { Clock } from '../ports/clock.js';
import type { StorageEngine } from '../ports/storage-engine.js';
import { decodeRecord, encodeRecord } from '../wire/record-format.js';
import type { DiskRoom } from './disk-room.js';
import type { GroupCommit, OpenCommit } from './group-commit.js';
import { countWrite, greatestTimestampWrite, type NodeMeta, RECORDS_END } from './node-meta.js';

/** A piece of an erasure: what one commit removes, and reads for that. */
const ERASED_AT_ONCE = 1000;
const ERASED_BYTES_AT_ONCE = 4 * 1024 ** 2;

/**
 * Held: the record's dot is the node's version. Passed: its version is greater. Both with the clock after the merge;
 * `asSent` when that is the record's own.
 */
export type MergeResult =
  | { readonly kind: 'held' | 'passed'; readonly clock: VectorClock; readonly asSent: boolean }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly message: string };

type RefusalReason = 'corrupt' | 'future_dot' | 'malformed' | 'disk_full';

export type ErasureResult = 'erased' | 'stopped' | 'disk_full';

export type ReadingResult =
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'record' } & StoredRecord)
  | { readonly kind: 'corrupt'; readonly message: string };

interface StoredRecord {
  readonly record: VersionedRecord;
  /** The record in its storage format. */
  readonly bytes: Uint8Array;
}

interface Unflushed {
  /** Undefined for an erased record. */
  readonly stored: StoredRecord | undefined;
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
  readonly #room: DiskRoom;
  readonly #unflushed = new Map<string, Unflushed>();
  readonly #counts: Map<number, number>;
  #greatestTimestampUs: number;

  constructor(engine: StorageEngine, commits: GroupCommit, clock: Clock, room: DiskRoom, meta: NodeMeta) {
    this.#engine = engine;
    this.#commits = commits;
    this.#clock = clock;
    this.#room = room;
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
    const stored = unflushed === undefined ? this.#load(storageKey) : unflushed.stored;
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
    const mergedBytes = asSent ? bytes : encodeRecord(merged);
    if (!this.#room.take(storageKey.length + mergedBytes.length)) {
      return { kind: 'refused', reason: 'disk_full', message: 'disk full, not taken' };
    }
    const commit = this.#commits.open();
    this.#put(commit, storageKey, name, { record: merged, bytes: mergedBytes });
    this.#count(commit, tenantNumber, live(merged) - live(stored?.record));
    this.#raiseGreatest(commit, dot.timestamp);
    return commit.flushed.then(() => result);
  }

  /** What stands under the key, flushed. */
  read(storageKey: Uint8Array): ReadingResult | Promise<ReadingResult> {
    const unflushed = this.#unflushed.get(nameOf(storageKey));
    if (unflushed !== undefined) {
      const { stored, commit } = unflushed;
      // Newer versions may pile up meanwhile; this one is flushed then, which is all that an answer needs.
      if (stored === undefined) return commit.flushed.then(() => ({ kind: 'absent' }));
      const { record, bytes } = stored;
      return commit.flushed.then(() => ({ kind: 'record', record, bytes }));
    }
    const stored = this.#load(storageKey);
    if (stored === undefined) return { kind: 'absent' };
    return 'message' in stored ? { kind: 'corrupt', ...stored } : { kind: 'record', ...stored };
  }

  /**
   * Removes all records, but not the greatest timestamp, in pieces. Resolves when that is flushed, or stopped.
   * @param mayErase asked in the turn that adds a piece: what is taken afterwards comes after it
   */
  async eraseAll(mayErase: () => boolean): Promise<ErasureResult> {
    await this.#commits.idle();
    for (;;) {
      if (!(await this.#room.hasForOwnEntries())) return 'disk_full';
      if (!mayErase()) return 'stopped';
      const commit = this.#commits.open();
      const isLast = this.#erasePiece(commit) === 0;
      await commit.flushed;
      if (isLast) return 'erased';
    }
  }

  #erasePiece(commit: OpenCommit): number {
    let erased = 0;
    let bytes = 0;
    for (const { key, value } of this.#engine.range(new Uint8Array(0), RECORDS_END)) {
      const name = nameOf(key);
      // What was added since the last piece was begun is not the engine's yet.
      const unflushed = this.#unflushed.get(name);
      const decoded = unflushed === undefined ? decodeRecord(value) : undefined;
      const record = decoded?.kind === 'record' ? decoded.record : unflushed?.stored?.record;
      this.#count(commit, Buffer.from(key).readUInt32BE(), -live(record));
      this.#put(commit, key, name, undefined);
      bytes += value.length;
      if (++erased >= ERASED_AT_ONCE || bytes >= ERASED_BYTES_AT_ONCE) break;
    }
    // Records that could not be read were counted once.
    if (erased === 0) for (const [tenantNumber, count] of this.#counts) this.#count(commit, tenantNumber, -count);
    return erased;
  }

  #load(storageKey: Uint8Array): StoredRecord | { readonly message: string } | undefined {
    const bytes = this.#engine.get(storageKey);
    if (bytes === undefined) return undefined;
    const decoded = decodeRecord(bytes);
    if (decoded.kind === 'record') return { record: decoded.record, bytes };
    return { message: decoded.kind === 'corrupt' ? decoded.reason : 'the record is unusable: it has no value' };
  }

  #put(commit: OpenCommit, key: Uint8Array, name: string, stored: StoredRecord | undefined): void {
    commit.add({ key, value: stored?.bytes });
    this.#unflushed.set(name, { stored, commit });
    commit.flushed.then(
      () => {
        if (this.#unflushed.get(name)?.commit === commit) this.#unflushed.delete(name);
      },
      () => {
        // The store serves nothing any more; whoever waits for the flush is told.
      },
    );
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
