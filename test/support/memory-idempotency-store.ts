import { sameDot } from '../../src/domain/clock.js';
import { MetadataUnavailableError } from '../../src/domain/errors.js';
import {
  IDEMPOTENCY_WINDOW_MS,
  type IdempotencyRecord,
  type IdempotencyScope,
  sameFingerprint,
  type WriteAnswer,
} from '../../src/domain/idempotency.js';
import type {
  IdempotencyStore,
  KeyedRow,
  Reservation,
  ReserveResult,
  TakenOver,
} from '../../src/ports/idempotency-store.js';
import { type IdempotencyRow, type MemoryMetadata, scopeName } from './memory-metadata.js';

/** Answers at once, so the time that it is given never ends. */
export class MemoryIdempotencyStore implements IdempotencyStore {
  readonly #metadata: MemoryMetadata;

  constructor(metadata: MemoryMetadata) {
    this.#metadata = metadata;
  }

  async reserve(reservation: Reservation): Promise<ReserveResult> {
    const { scope, owner, leaseMs } = reservation;
    const known = this.#live(scope);
    if (known === undefined && this.#stored(scope)?.owner === owner) {
      throw new MetadataUnavailableError('this attempt has forgotten its row');
    }
    if (known !== undefined && known.owner !== owner) return { kind: 'existing', record: this.#record(known) };
    if (known === undefined) this.#put(reservation, this.#metadata.wallMs() + leaseMs);
    return { kind: 'reserved' };
  }

  async find(scope: IdempotencyScope): Promise<IdempotencyRecord | undefined> {
    const row = this.#live(scope);
    return row === undefined ? undefined : this.#record(row);
  }

  async takeOver(
    scope: IdempotencyScope,
    fingerprint: Uint8Array,
    owner: string,
    leaseMs: number,
  ): Promise<TakenOver | undefined> {
    const row = this.#live(scope);
    const nowMs = this.#metadata.wallMs();
    if (row === undefined || row.answer !== undefined) return undefined;
    if (row.leaseUntilMs !== undefined && row.leaseUntilMs > nowMs) return undefined;
    if (!sameFingerprint(row.fingerprint, fingerprint)) return undefined;
    const maybeAnswered = row.leaseUntilMs !== undefined;
    row.owner = owner;
    row.leaseUntilMs = nowMs + leaseMs;
    return { dot: row.dot, maybeAnswered };
  }

  async storeAnswer(row: KeyedRow, answer: WriteAnswer): Promise<void> {
    const known = this.#stored(row.scope) ?? this.#put(row, undefined);
    if (known.answer !== undefined || !sameDot(known.dot, row.dot)) return;
    known.answer = answer;
    known.expiresAtMs = this.#metadata.wallMs() + IDEMPOTENCY_WINDOW_MS;
  }

  async release(row: KeyedRow, maybeAnswered: boolean): Promise<void> {
    const known = this.#stored(row.scope) ?? this.#put(row, undefined);
    if (known.owner !== row.owner || known.answer !== undefined) return;
    known.leaseUntilMs = maybeAnswered ? this.#metadata.wallMs() : undefined;
  }

  async forget(row: KeyedRow): Promise<void> {
    const known = this.#stored(row.scope) ?? this.#put(row, undefined);
    if (known.owner === row.owner && known.answer === undefined) known.expiresAtMs = this.#metadata.wallMs();
  }

  async removeExpired(limit: number): Promise<number> {
    const nowMs = this.#metadata.wallMs();
    const expired = [...this.#metadata.idempotency].filter(([, row]) => row.expiresAtMs <= nowMs).slice(0, limit);
    for (const [name] of expired) this.#metadata.idempotency.delete(name);
    return expired.length;
  }

  #put({ scope, fingerprint, dot, owner }: KeyedRow, leaseUntilMs: number | undefined): IdempotencyRow {
    const expiresAtMs = this.#metadata.wallMs() + IDEMPOTENCY_WINDOW_MS;
    const row: IdempotencyRow = { fingerprint, dot, owner, leaseUntilMs, answer: undefined, expiresAtMs };
    this.#metadata.idempotency.set(scopeName(scope), row);
    return row;
  }

  /** Also past its 24 h, until it is removed. */
  #stored(scope: IdempotencyScope): IdempotencyRow | undefined {
    return this.#metadata.idempotency.get(scopeName(scope));
  }

  #live(scope: IdempotencyScope): IdempotencyRow | undefined {
    const row = this.#stored(scope);
    return row === undefined || row.expiresAtMs <= this.#metadata.wallMs() ? undefined : row;
  }

  #record({ fingerprint, dot, answer, leaseUntilMs = 0 }: IdempotencyRow): IdempotencyRecord {
    if (answer !== undefined) return { fingerprint, dot, state: { kind: 'answered', answer } };
    return { fingerprint, dot, state: { kind: leaseUntilMs > this.#metadata.wallMs() ? 'running' : 'free' } };
  }
}
