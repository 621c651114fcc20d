import { sql } from 'drizzle-orm';
import { bigint, check, index, text, uuid } from 'drizzle-orm/pg-core';
import { moment, quorateSchema } from './quorate-schema.js';

/** Every change of nodes or replication factors, also one that moved nothing. */
export const migrations = quorateSchema.table(
  'migrations',
  {
    migrationId: uuid('migration_id').primaryKey(),
    type: text('type', { enum: ['node_addition', 'node_deletion', 'replication_change'] }).notNull(),
    nodeId: text('node_id').notNull(),
    tenantId: text('tenant_id').notNull(),
    status: text('status', { enum: ['pending', 'in_progress', 'completed', 'failed', 'cancelled'] }).notNull(),
    phase: text('phase').notNull(),
    stalledReason: text('stalled_reason').notNull(),
    errorMessage: text('error_message').notNull(),
    keysMigrated: bigint('keys_migrated', { mode: 'number' }).notNull(),
    totalKeys: bigint('total_keys', { mode: 'number' }).notNull(),
    bytesMoved: bigint('bytes_moved', { mode: 'number' }).notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
    startedAt: moment('started_at'),
    estimatedCompletion: moment('estimated_completion'),
  },
  (table) => [
    index('migrations_node').on(table.nodeId, table.createdAt),
    check('migrations_type', sql`${table.type} in ('node_addition', 'node_deletion', 'replication_change')`),
    check('migrations_status', sql`${table.status} in ('pending', 'in_progress', 'completed', 'failed', 'cancelled')`),
    check(
      'migrations_counts',
      sql`${table.keysMigrated} >= 0 and ${table.totalKeys} >= 0 and ${table.bytesMoved} >= 0`,
    ),
  ],
);
