import { bigint, text } from 'drizzle-orm/pg-core';
import { moment, quorateSchema } from './quorate-schema.js';

/** Rows are never deleted: a forgotten incarnation would be given out again, and with it dots that exist. */
export const coordinators = quorateSchema.table('coordinators', {
  coordinatorId: text('coordinator_id').primaryKey(),
  incarnation: bigint('incarnation', { mode: 'number' }).notNull(),
  address: text('address').notNull(),
  startedAt: moment('started_at').notNull().defaultNow(),
  heartbeatAt: moment('heartbeat_at').notNull().defaultNow(),
});
