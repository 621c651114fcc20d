import { sql } from 'drizzle-orm';
import { check, integer, text } from 'drizzle-orm/pg-core';
import { moment, quorateSchema } from './quorate-schema.js';

export const tenants = quorateSchema.table(
  'tenants',
  {
    tenantId: text('tenant_id').primaryKey(),
    /** The first bytes of its storage keys: never reused. */
    tenantNumber: integer('tenant_number').notNull().unique(),
    replicationFactor: integer('replication_factor').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [check('tenants_replication_factor', sql`${table.replicationFactor} between 1 and 10`)],
);
