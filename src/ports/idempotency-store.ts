import type { Dot } from '../domain/clock.js';
import type { IdempotencyRecord, IdempotencyScope, WriteAnswer } from '../domain/idempotency.js';

/** What an attempt puts into its row, or finds there: whoever acts on the row names all of it. */
export interface KeyedRow {
  readonly scope: IdempotencyScope;
  readonly fingerprint: Uint8Array;
  readonly dot: Dot;
  /** Unique to the attempt. */
  readonly owner: string;
}

export interface Reservation extends KeyedRow {
  readonly leaseMs: number;
}

export type ReserveResult =
  | { readonly kind: 'reserved' }
  /** Somebody was first; this reservation left no trace. */
  | { readonly kind: 'existing'; readonly record: IdempotencyRecord };

export interface TakenOver {
  readonly dot: Dot;
  /** False when every earlier owner gave the row up after it had failed. */
  readonly maybeAnswered: boolean;
}

/**
 * The rows of clients' idempotency keys. Leases and the 24 h are judged by the store's clock, in the statement that
 * acts on them. Every method throws MetadataUnavailableError when the store can't be asked, or not within the time that it
 * was given; what waits is bounded, so a store that hangs refuses at once.
 *
 * A store that failed over to a standby may have lost its last commits. An answer or a release therefore puts the whole
 * row in where none stands any more.
 */
export interface IdempotencyStore {
  /**
   * Inserts the row, durably, or tells what stands there; a row past its 24 h counts as none. When the outcome of the
   * insert was lost it is read back, and what the row says counts; `MetadataUnavailableError` then means that the row
   * may exist with the given dot, unless it says that nothing was `sent`.
   */
  reserve(reservation: Reservation, withinMs: number): Promise<ReserveResult>;

  find(scope: IdempotencyScope, withinMs: number): Promise<IdempotencyRecord | undefined>;

  /** Takes a free row of the same fingerprint over; its dot stays. Undefined when there is none (any more). */
  takeOver(
    scope: IdempotencyScope,
    fingerprint: Uint8Array,
    owner: string,
    leaseMs: number,
  ): Promise<TakenOver | undefined>;

  /** Stores the answer of the write with the row's dot, unless one is stored; the row lives 24 h from now. */
  storeAnswer(row: KeyedRow, answer: WriteAnswer): Promise<void>;

  /**
   * The owner has failed: the row keeps its dot and is free at once. Nothing when the owner lost it meanwhile.
   * @param maybeAnswered an owner before this one may have answered its client
   */
  release(row: KeyedRow, maybeAnswered: boolean): Promise<void>;

  /**
   * Nothing was sent under this reservation: the row counts as none, also when the reservation arrives only later. Nothing
   * when the owner lost it meanwhile.
   */
  forget(row: KeyedRow): Promise<void>;

  /** Removes up to `limit` rows past their 24 h; returns how many. */
  removeExpired(limit: number): Promise<number>;
}
