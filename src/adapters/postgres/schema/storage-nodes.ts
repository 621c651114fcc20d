import { sql } from 'drizzle-orm';
import { check, integer, text, unique } from 'drizzle-orm/pg-core';
import { moment, quorateSchema } from './quorate-schema.js';

export const storageNodes = quorateSchema.table(
  'storage_nodes',
  {
    nodeId: text('node_id').primaryKey(),
    host: text('host').notNull(),
    port: integer('port').notNull(),
    virtualNodes: integer('virtual_nodes').notNull(),
    zone: text('zone').notNull(),
    status: text('status', { enum: ['inactive', 'active', 'draining'] }).notNull(),
    /** The data folder that was registered: another one is a replacement and does not vote. */
    storeId: text('store_id').notNull().unique(),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    unique('storage_nodes_address').on(table.host, table.port),
    check('storage_nodes_status', sql`${table.status} in ('inactive', 'active', 'draining')`),
    check('storage_nodes_port', sql`${table.port} between 1 and 65535`),
    check('storage_nodes_virtual_nodes', sql`${table.virtualNodes} > 0`),
  ],
);
