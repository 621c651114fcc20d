import { sql } from 'drizzle-orm';
import { bigint, boolean, check, integer, text } from 'drizzle-orm/pg-core';
import { moment, quorateSchema } from './quorate-schema.js';

/** The one row that every change of nodes and every new tenant locks. */
export const cluster = quorateSchema.table(
  'cluster',
  {
    onlyRow: boolean('only_row').primaryKey().default(true),
    clusterId: text('cluster_id').notNull(),
    epoch: bigint('epoch', { mode: 'number' }).notNull(),
    nextTenantNumber: integer('next_tenant_number').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [check('cluster_only_row', sql`${table.onlyRow}`), check('cluster_epoch', sql`${table.epoch} > 0`)],
);
