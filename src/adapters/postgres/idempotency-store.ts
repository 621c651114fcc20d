import type { Row } from 'postgres';
import type { Dot } from '../../domain/clock.js';
import { MetadataUnavailableError } from '../../domain/errors.js';
import type { IdempotencyRecord, IdempotencyScope, WriteAnswer } from '../../domain/idempotency.js';
import type {
  IdempotencyStore,
  KeyedRow,
  Reservation,
  ReserveResult,
  TakenOver,
} from '../../ports/idempotency-store.js';
import type { Database } from './database.js';
import {
  answerItem,
  changeRows,
  findRows,
  type RowChange,
  type RowItem,
  releaseItem,
  reservationItem,
  rowItem,
  scopeName,
} from './idempotency-rows.js';
import { StatementGroup } from './statement-group.js';
import { decodeWriteAnswer } from './write-answer-format.js';

/** What no client waits for may wait as long as a statement may take. */
const BACKGROUND_WITHIN_MS = 5000;
/** Rows that go between an insert and a look-up; one that its own attempt has forgotten does so for ever. */
const RESERVE_ROUNDS_MAX = 3;

type RowGroup = StatementGroup<RowItem, { readonly changed: boolean }>;

/** Clients' idempotency keys in PostgreSQL: what many requests ask of them goes as one statement of each kind. */
export class PostgresIdempotencyStore implements IdempotencyStore {
  readonly #database: Database;
  readonly #reservations: RowGroup;
  readonly #answers: RowGroup;
  readonly #releases: RowGroup;
  readonly #deletions: RowGroup;
  readonly #searches: StatementGroup<IdempotencyScope, { readonly row: Row | undefined }>;

  constructor(database: Database) {
    this.#database = database;
    this.#reservations = this.#group('reserve', 2);
    this.#answers = this.#group('answer', 2);
    this.#releases = this.#group('release', 1);
    this.#deletions = this.#group('forget', 1);
    this.#searches = new StatementGroup({
      nameOf: scopeName,
      run: (scopes) => this.#select(scopes),
      concurrentMax: 2,
    });
  }

  async reserve(reservation: Reservation, withinMs: number): Promise<ReserveResult> {
    const untilMs = performance.now() + withinMs;
    try {
      return await this.#reserve(reservation, untilMs);
    } catch (error) {
      const lost = error instanceof MetadataUnavailableError && error.sent;
      if (!lost || performance.now() >= untilMs) throw error;
      // The insert may have been committed and its answer lost. Trying again reads it back: an own row counts as reserved.
      return await this.#reserve(reservation, untilMs);
    }
  }

  async find(scope: IdempotencyScope, withinMs: number): Promise<IdempotencyRecord | undefined> {
    const { row } = await this.#searches.add(scope, withinMs);
    return row === undefined ? undefined : recordOf(row);
  }

  async takeOver(
    { tenantNumber, key, idempotencyKey }: IdempotencyScope,
    fingerprint: Uint8Array,
    owner: string,
    leaseMs: number,
  ): Promise<TakenOver | undefined> {
    const [row] = await this.#database.query(
      (sql) => sql`
        with free as materialized (
          select tenant_number, key, idempotency_key, lease_until is not null as maybe_answered
          from quorate.idempotency_records
          where tenant_number = ${tenantNumber} and key = ${Buffer.from(key)}
            and idempotency_key = ${Buffer.from(idempotencyKey)} and fingerprint = ${Buffer.from(fingerprint)}
            and answer is null and (lease_until is null or lease_until <= now()) and expires_at > now()
          for update)
        update quorate.idempotency_records as known
        set owner = ${owner}, lease_until = now() + ${leaseMs}::float8 * interval '1 millisecond'
        from free
        where known.tenant_number = free.tenant_number and known.key = free.key
          and known.idempotency_key = free.idempotency_key
        returning known.dot_actor, known.dot_timestamp, free.maybe_answered`,
    );
    return row === undefined ? undefined : { dot: dotOf(row), maybeAnswered: row.maybe_answered === true };
  }

  async storeAnswer(row: KeyedRow, answer: WriteAnswer): Promise<void> {
    await this.#answers.add(answerItem(row, answer), BACKGROUND_WITHIN_MS);
  }

  async release(row: KeyedRow, maybeAnswered: boolean): Promise<void> {
    await this.#releases.add(releaseItem(row, maybeAnswered), BACKGROUND_WITHIN_MS);
  }

  /** The row's 24 h are over at once; whoever removes expired rows removes it. */
  async forget(row: KeyedRow): Promise<void> {
    await this.#deletions.add(rowItem(row), BACKGROUND_WITHIN_MS);
  }

  async removeExpired(limit: number): Promise<number> {
    const { count } = await this.#database.query(
      (sql) => sql`
        delete from quorate.idempotency_records where (tenant_number, key, idempotency_key) in (
          select tenant_number, key, idempotency_key from quorate.idempotency_records
          where expires_at <= now() order by expires_at limit ${limit} for update skip locked)`,
    );
    return count;
  }

  async #reserve(reservation: Reservation, untilMs: number): Promise<ReserveResult> {
    const item = reservationItem(reservation);
    for (let round = 1; round <= RESERVE_ROUNDS_MAX; round++) {
      const { changed } = await this.#reservations.add(item, untilMs - performance.now());
      if (changed) return { kind: 'reserved' };
      const { row } = await this.#searches.add(reservation.scope, untilMs - performance.now());
      // Whoever was first has given the row up meanwhile.
      if (row === undefined) continue;
      // The same attempt's earlier insert, whose answer was lost.
      if (row.owner === reservation.owner) return { kind: 'reserved' };
      return { kind: 'existing', record: recordOf(row) };
    }
    throw new MetadataUnavailableError('the metadata store (PostgreSQL) gives no row for what was just reserved');
  }

  #group(change: RowChange, concurrentMax: number): RowGroup {
    return new StatementGroup({
      nameOf: nameOfItem,
      run: async (items: readonly RowItem[]) => {
        const rows = await this.#database.query((sql) => changeRows(sql, change, items));
        const owners = new Set(rows.map((row) => row.owner));
        return items.map(({ owner }) => ({ changed: owners.has(owner) }));
      },
      concurrentMax,
    });
  }

  async #select(scopes: readonly IdempotencyScope[]): Promise<readonly { readonly row: Row | undefined }[]> {
    const rows = await this.#database.query((sql) => findRows(sql, scopes));
    const found = new Map(rows.map((row) => [Number(row.position), row]));
    return scopes.map((_, position) => ({ row: found.get(position) }));
  }
}

function nameOfItem({ tenant_number, key, idempotency_key }: RowItem): string {
  return `${tenant_number}/${key}/${idempotency_key}`;
}

function recordOf(row: Row): IdempotencyRecord {
  const answer: unknown = row.answer;
  const fingerprint = bytesOf(row.fingerprint);
  const dot = dotOf(row);
  if (answer !== null) {
    return { fingerprint, dot, state: { kind: 'answered', answer: decodeWriteAnswer(bytesOf(answer)) } };
  }
  return { fingerprint, dot, state: { kind: row.running === true ? 'running' : 'free' } };
}

function dotOf(row: Row): Dot {
  return { actor: String(row.dot_actor), timestamp: Number(row.dot_timestamp) };
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new Error('PostgreSQL answered something else where bytes belong.');
}
