import { sql } from 'drizzle-orm';
import { bigint, check, index, integer, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, moment, quorateSchema } from './quorate-schema.js';

/** Clients' idempotency keys. Fingerprint and dot never change while the row lives. */
export const idempotencyRecords = quorateSchema.table(
  'idempotency_records',
  {
    tenantNumber: integer('tenant_number').notNull(),
    key: bytea('key').notNull(),
    idempotencyKey: bytea('idempotency_key').notNull(),
    fingerprint: bytea('fingerprint').notNull(),
    dotActor: text('dot_actor').notNull(),
    dotTimestamp: bigint('dot_timestamp', { mode: 'number' }).notNull(),
    /** The attempt that holds, or held, the lease. */
    owner: text('owner').notNull(),
    /** Null or past: free to be taken over. */
    leaseUntil: moment('lease_until'),
    /** See `write-answer-format.ts`; null before the first answer. */
    answer: bytea('answer'),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantNumber, table.key, table.idempotencyKey] }),
    index('idempotency_records_expires_at').on(table.expiresAt),
    check('idempotency_records_fingerprint', sql`length(${table.fingerprint}) = 32`),
    check('idempotency_records_dot', sql`${table.dotTimestamp} > 0`),
  ],
);
