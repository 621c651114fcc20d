import { integer } from 'drizzle-orm/pg-core';
import { bytea, moment, quorateSchema } from './quorate-schema.js';

/** Secrets under which issued idempotency keys are sealed: the newest signs, a retired one verifies for 24 h. */
export const sealingSecrets = quorateSchema.table('sealing_secrets', {
  secretNumber: integer('secret_number').primaryKey(),
  secret: bytea('secret').notNull(),
  createdAt: moment('created_at').notNull().defaultNow(),
  retiredAt: moment('retired_at'),
});
