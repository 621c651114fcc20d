import type { Row, Sql } from 'postgres';
import type { Dot } from '../../domain/clock.js';
import { MetadataUnavailableError } from '../../domain/errors.js';
import {
  IDEMPOTENCY_WINDOW_MS,
  type IdempotencyRecord,
  type IdempotencyScope,
  type WriteAnswer,
} from '../../domain/idempotency.js';
import type { IdempotencyStore, Reservation, ReserveResult } from '../../ports/idempotency-store.js';
import type { Database } from './database.js';
import { StatementGroup } from './statement-group.js';
import { decodeWriteAnswer, encodeWriteAnswer } from './write-answer-format.js';

interface AnswerToStore {
  readonly scope: IdempotencyScope;
  readonly dot: Dot;
  readonly answer: WriteAnswer;
}

/** Clients' idempotency keys in PostgreSQL: reservations and answers of many requests go as one statement. */
export class PostgresIdempotencyStore implements IdempotencyStore {
  readonly #database: Database;
  readonly #reservations: StatementGroup<Reservation, { readonly inserted: boolean }>;
  readonly #answers: StatementGroup<AnswerToStore, { readonly stored: true }>;

  constructor(database: Database) {
    this.#database = database;
    this.#reservations = new StatementGroup(
      ({ scope }) => nameOf(scope),
      (items) => this.#insert(items),
    );
    this.#answers = new StatementGroup(
      ({ scope }) => nameOf(scope),
      (items) => this.#update(items),
    );
  }

  async reserve(reservation: Reservation): Promise<ReserveResult> {
    try {
      return await this.#reserve(reservation);
    } catch (error) {
      if (!(error instanceof MetadataUnavailableError)) throw error;
      // The insert may have been committed and its answer lost. Trying again reads it back: an own row counts as reserved.
      return await this.#reserve(reservation);
    }
  }

  async find(scope: IdempotencyScope): Promise<IdempotencyRecord | undefined> {
    const row = await this.#select(scope);
    return row === undefined ? undefined : recordOf(row);
  }

  async takeOver(
    scope: IdempotencyScope,
    fingerprint: Uint8Array,
    owner: string,
    leaseMs: number,
  ): Promise<Dot | undefined> {
    const [row] = await this.#database.query(
      (sql) => sql`
        update quorate.idempotency_records
        set owner = ${owner}, lease_until = now() + ${leaseMs}::float8 * interval '1 millisecond'
        where ${matches(sql, scope)} and fingerprint = ${Buffer.from(fingerprint)} and answer is null
          and (lease_until is null or lease_until <= now()) and expires_at > now()
        returning dot_actor, dot_timestamp`,
    );
    return row === undefined ? undefined : dotOf(row);
  }

  async storeAnswer(scope: IdempotencyScope, dot: Dot, answer: WriteAnswer): Promise<void> {
    await this.#answers.add({ scope, dot, answer });
  }

  async release(scope: IdempotencyScope, owner: string): Promise<void> {
    await this.#database.query(
      (sql) => sql`
        update quorate.idempotency_records set lease_until = null
        where ${matches(sql, scope)} and owner = ${owner} and answer is null`,
    );
  }

  async forget(scope: IdempotencyScope, owner: string): Promise<void> {
    await this.#database.query(
      (sql) => sql`
        delete from quorate.idempotency_records
        where ${matches(sql, scope)} and owner = ${owner} and answer is null`,
    );
  }

  async removeExpired(limit: number): Promise<number> {
    const { count } = await this.#database.query(
      (sql) => sql`
        delete from quorate.idempotency_records where (tenant_number, key, idempotency_key) in (
          select tenant_number, key, idempotency_key from quorate.idempotency_records
          where expires_at <= now() order by expires_at limit ${limit})`,
    );
    return count;
  }

  async #reserve(reservation: Reservation): Promise<ReserveResult> {
    for (;;) {
      const { inserted } = await this.#reservations.add(reservation);
      if (inserted) return { kind: 'reserved' };
      const row = await this.#select(reservation.scope);
      if (row === undefined) continue;
      // The same attempt's earlier insert, whose answer was lost.
      if (row.owner === reservation.owner) return { kind: 'reserved' };
      return { kind: 'existing', record: recordOf(row) };
    }
  }

  /** Items travel as JSON with bytes in hex, which every server and pooler takes. */
  async #insert(items: readonly Reservation[]): Promise<readonly { readonly inserted: boolean }[]> {
    const rows = await this.#database.query(
      (sql) => sql`
        insert into quorate.idempotency_records as known (tenant_number, key, idempotency_key, fingerprint,
          dot_actor, dot_timestamp, owner, lease_until, expires_at)
        select tenant_number, decode(key, 'hex'), decode(idempotency_key, 'hex'), decode(fingerprint, 'hex'), dot_actor,
          dot_timestamp, owner, now() + lease_ms * interval '1 millisecond',
          now() + ${IDEMPOTENCY_WINDOW_MS}::float8 * interval '1 millisecond'
        from json_to_recordset(${JSON.stringify(items.map(insertItem))}::text::json) as item (tenant_number int, key text,
          idempotency_key text, fingerprint text, dot_actor text, dot_timestamp int8, owner text, lease_ms float8)
        on conflict (tenant_number, key, idempotency_key) do update
          set fingerprint = excluded.fingerprint, dot_actor = excluded.dot_actor,
            dot_timestamp = excluded.dot_timestamp, owner = excluded.owner, lease_until = excluded.lease_until,
            answer = null, expires_at = excluded.expires_at
          where known.expires_at <= now()
        returning owner`,
    );
    const owners = new Set(rows.map((row) => row.owner));
    return items.map(({ owner }) => ({ inserted: owners.has(owner) }));
  }

  async #update(items: readonly AnswerToStore[]): Promise<readonly { readonly stored: true }[]> {
    await this.#database.query(
      (sql) => sql`
        update quorate.idempotency_records as known set answer = decode(item.answer, 'hex'), lease_until = null
        from json_to_recordset(${JSON.stringify(items.map(updateItem))}::text::json) as item (tenant_number int, key text,
          idempotency_key text, dot_actor text, dot_timestamp int8, answer text)
        where known.tenant_number = item.tenant_number and known.key = decode(item.key, 'hex')
          and known.idempotency_key = decode(item.idempotency_key, 'hex') and known.dot_actor = item.dot_actor
          and known.dot_timestamp = item.dot_timestamp and known.answer is null`,
    );
    return items.map(() => ({ stored: true }));
  }

  async #select(scope: IdempotencyScope): Promise<Row | undefined> {
    const [row] = await this.#database.query(
      (sql) => sql`
        select fingerprint, dot_actor, dot_timestamp, owner, answer, coalesce(lease_until > now(), false) as running
        from quorate.idempotency_records where ${matches(sql, scope)} and expires_at > now()`,
    );
    return row;
  }
}

function matches(sql: Sql, { tenantNumber, key, idempotencyKey }: IdempotencyScope) {
  return sql`tenant_number = ${tenantNumber} and key = ${Buffer.from(key)}
    and idempotency_key = ${Buffer.from(idempotencyKey)}`;
}

function insertItem({ scope, fingerprint, dot, owner, leaseMs }: Reservation) {
  return { ...scopeItem(scope), ...dotItem(dot), fingerprint: hex(fingerprint), owner, lease_ms: leaseMs };
}

function updateItem({ scope, dot, answer }: AnswerToStore) {
  return { ...scopeItem(scope), ...dotItem(dot), answer: hex(encodeWriteAnswer(answer)) };
}

function scopeItem({ tenantNumber, key, idempotencyKey }: IdempotencyScope) {
  return { tenant_number: tenantNumber, key: hex(key), idempotency_key: hex(idempotencyKey) };
}

function dotItem({ actor, timestamp }: Dot) {
  return { dot_actor: actor, dot_timestamp: timestamp };
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

function nameOf({ tenantNumber, key, idempotencyKey }: IdempotencyScope): string {
  return `${tenantNumber.toString(16).padStart(8, '0')}/${hex(key)}/${hex(idempotencyKey)}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
