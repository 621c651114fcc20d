import type { Sql } from 'postgres';
import type { Dot } from '../../domain/clock.js';
import { IDEMPOTENCY_WINDOW_MS, type IdempotencyScope, type WriteAnswer } from '../../domain/idempotency.js';
import type { KeyedRow, Reservation } from '../../ports/idempotency-store.js';
import { encodeWriteAnswer } from './write-answer-format.js';

/** What becomes of the rows: in SQL, `known` is the row that stands there, `excluded` the one that is brought. */
export type RowChange = 'reserve' | 'answer' | 'release' | 'forget';

/** A row as a statement takes it: JSON with bytes in hex, which every server and pooler takes. */
export interface RowItem {
  readonly tenant_number: number;
  readonly key: string;
  readonly idempotency_key: string;
  readonly fingerprint: string;
  readonly dot_actor: string;
  readonly dot_timestamp: number;
  readonly owner: string;
  /** Null: the row is free. */
  readonly lease_ms: number | null;
  readonly answer: string | null;
}

/**
 * One statement for the rows of many requests; answers with the owners of those that it changed. Each row is found by the
 * primary key, whatever the planner thinks of the table, and locked in the order of the keys: so no two of these
 * statements wait for each other in a circle.
 */
export function changeRows(sql: Sql, change: RowChange, items: readonly RowItem[]) {
  return sql`
    with durable as materialized (${durability(sql, change)})
    insert into quorate.idempotency_records as known (tenant_number, key, idempotency_key, fingerprint,
      dot_actor, dot_timestamp, owner, lease_until, answer, expires_at)
    select tenant_number, decode(key, 'hex'), decode(idempotency_key, 'hex'), decode(fingerprint, 'hex'), dot_actor,
      dot_timestamp, owner, now() + lease_ms * interval '1 millisecond', decode(answer, 'hex'),
      now() + ${change === 'forget' ? 0 : IDEMPOTENCY_WINDOW_MS}::float8 * interval '1 millisecond'
    from durable, json_to_recordset(${JSON.stringify(items)}::text::json) as item (tenant_number int, key text,
      idempotency_key text, fingerprint text, dot_actor text, dot_timestamp int8, owner text, lease_ms float8, answer text)
    order by 1, 2, 3
    on conflict (tenant_number, key, idempotency_key) do update ${effect(sql, change)}
    returning owner`;
}

/** A look-up by the primary key for each scope, whatever the planner thinks of the table; `position` is the scope's. */
export function findRows(sql: Sql, scopes: readonly IdempotencyScope[]) {
  const items = scopes.map((scope, position) => ({ ...scopeItem(scope), position }));
  return sql`
    select position, known.* from json_to_recordset(${JSON.stringify(items)}::text::json)
      as item (tenant_number int, key text, idempotency_key text, position int)
    cross join lateral (
      select fingerprint, dot_actor, dot_timestamp, owner, answer, coalesce(lease_until > now(), false) as running
      from quorate.idempotency_records as row
      where row.tenant_number = item.tenant_number and row.key = decode(item.key, 'hex')
        and row.idempotency_key = decode(item.idempotency_key, 'hex') and expires_at > now()
      limit 1) as known`;
}

/**
 * What is sent rests on its reservation: losing that with a crash would let the write happen twice. So the reservation's
 * commit waits for the disk, and for the synchronous standby where there is one, whatever the role or the database says.
 */
function durability(sql: Sql, change: RowChange) {
  if (change !== 'reserve') return sql`select 1`;
  return sql`select case when current_setting('synchronous_commit', true) in ('off', 'local')
    then set_config('synchronous_commit', 'on', true) end`;
}

/** A row that its own attempt has forgotten refuses the attempt's reservation, which may have been long under way. */
function effect(sql: Sql, change: RowChange) {
  switch (change) {
    case 'reserve':
      return sql`set fingerprint = excluded.fingerprint, dot_actor = excluded.dot_actor,
        dot_timestamp = excluded.dot_timestamp, owner = excluded.owner, lease_until = excluded.lease_until,
        answer = null, expires_at = excluded.expires_at
        where known.expires_at <= now() and known.owner <> excluded.owner`;
    case 'answer':
      return sql`set answer = excluded.answer, lease_until = null, expires_at = excluded.expires_at
        where known.dot_actor = excluded.dot_actor and known.dot_timestamp = excluded.dot_timestamp
          and known.answer is null`;
    case 'release':
      return sql`set lease_until = excluded.lease_until where known.owner = excluded.owner and known.answer is null`;
    case 'forget':
      return sql`set expires_at = excluded.expires_at where known.owner = excluded.owner and known.answer is null`;
  }
}

export function reservationItem(reservation: Reservation): RowItem {
  return { ...rowItem(reservation), lease_ms: reservation.leaseMs };
}

export function answerItem(row: KeyedRow, answer: WriteAnswer): RowItem {
  return { ...rowItem(row), answer: hex(encodeWriteAnswer(answer)) };
}

/** A lease that is over, rather than none, remembers that somebody may have answered. */
export function releaseItem(row: KeyedRow, maybeAnswered: boolean): RowItem {
  return { ...rowItem(row), lease_ms: maybeAnswered ? 0 : null };
}

export function rowItem({ scope, fingerprint, dot, owner }: KeyedRow): RowItem {
  return {
    ...scopeItem(scope),
    fingerprint: hex(fingerprint),
    ...dotItem(dot),
    owner,
    lease_ms: null,
    answer: null,
  };
}

function scopeItem({ tenantNumber, key, idempotencyKey }: IdempotencyScope) {
  return { tenant_number: tenantNumber, key: hex(key), idempotency_key: hex(idempotencyKey) };
}

export function scopeName({ tenantNumber, key, idempotencyKey }: IdempotencyScope): string {
  return `${tenantNumber}/${hex(key)}/${hex(idempotencyKey)}`;
}

function dotItem({ actor, timestamp }: Dot) {
  return { dot_actor: actor, dot_timestamp: timestamp };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
