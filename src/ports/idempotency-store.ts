import type { Dot } from '../domain/clock.js';
import type { IdempotencyRecord, IdempotencyScope, WriteAnswer } from '../domain/idempotency.js';

export interface Reservation {
  readonly scope: IdempotencyScope;
  readonly fingerprint: Uint8Array;
  readonly dot: Dot;
  /** Unique to the attempt. */
  readonly owner: string;
  readonly leaseMs: number;
}

export type ReserveResult =
  | { readonly kind: 'reserved' }
  /** Somebody was first; this reservation left no trace. */
  | { readonly kind: 'existing'; readonly record: IdempotencyRecord };

/**
 * The rows of clients' idempotency keys. Leases and the 24 h are judged by the store's clock, in the statement that
 * acts on them. Every method throws MetadataUnavailableError when the store can't be asked.
 */
export interface IdempotencyStore {
  /**
   * Inserts the row, durably, or tells what stands there; a row past its 24 h counts as none. When the outcome of the
   * insert was lost it is read back, and what the row says counts; `MetadataUnavailableError` then means that the row
   * may exist with the given dot.
   */
  reserve(reservation: Reservation): Promise<ReserveResult>;

  find(scope: IdempotencyScope): Promise<IdempotencyRecord | undefined>;

  /** Takes a free row of the same fingerprint over; its dot stays. Undefined when there is none (any more). */
  takeOver(scope: IdempotencyScope, fingerprint: Uint8Array, owner: string, leaseMs: number): Promise<Dot | undefined>;

  /** Stores the answer of the write with this dot, unless one is stored: lazily, a take-over can rebuild it. */
  storeAnswer(scope: IdempotencyScope, dot: Dot, answer: WriteAnswer): Promise<void>;

  /** After an unknown outcome: the row keeps its dot and is free at once. Nothing when the owner lost it meanwhile. */
  release(scope: IdempotencyScope, owner: string): Promise<void>;

  /** Nothing was sent under this reservation: the row goes. Nothing when the owner lost it meanwhile. */
  forget(scope: IdempotencyScope, owner: string): Promise<void>;

  /** Removes up to `limit` rows past their 24 h; returns how many. */
  removeExpired(limit: number): Promise<number>;
}
