import { type Clock, compareDots, type Dot, joinClocks, sameClock, sameDot } from './clock.js';

/** One write's effect: its dot and the value, or null for a tombstone. */
export interface Version {
  readonly dot: Dot;
  readonly value: Uint8Array | null;
}

/**
 * What a replica holds of a key. Under last-write-wins there is exactly one version, and its dot is the clock's
 * greatest entry by (timestamp, actor): capping never drops it.
 */
export interface VersionedRecord {
  readonly clock: Clock;
  readonly version: Version;
}

export function recordOf(dot: Dot, value: Uint8Array | null): VersionedRecord {
  return { clock: [dot], version: { dot, value } };
}

/**
 * The one rule for writes, retries, repair, hints and migration: the join of both clocks and the version with the
 * greater dot. Commutative, associative and idempotent. Returns `a` itself where `b` adds nothing.
 */
export function mergeRecords(a: VersionedRecord, b: VersionedRecord): VersionedRecord {
  const version = compareDots(a.version.dot, b.version.dot) >= 0 ? a.version : b.version;
  const clock = joinClocks(a.clock, b.clock);
  return version === a.version && clock === a.clock ? a : { clock, version };
}

/** Whether both carry the same write and have learnt of the same writes; values are determined by their dots. */
export function sameRecord(a: VersionedRecord, b: VersionedRecord): boolean {
  return sameDot(a.version.dot, b.version.dot) && sameClock(a.clock, b.clock);
}
