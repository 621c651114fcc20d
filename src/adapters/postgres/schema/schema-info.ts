import { sql } from 'drizzle-orm';
import { boolean, check, integer } from 'drizzle-orm/pg-core';
import { quorateSchema } from './quorate-schema.js';

/** A coordinator whose own number is less than this can't work with the schema. */
export const schemaInfo = quorateSchema.table(
  'schema_info',
  {
    onlyRow: boolean('only_row').primaryKey().default(true),
    compatibility: integer('compatibility').notNull(),
  },
  (table) => [check('schema_info_only_row', sql`${table.onlyRow}`)],
);
