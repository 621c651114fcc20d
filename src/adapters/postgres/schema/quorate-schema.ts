import { customType, pgSchema, timestamp } from 'drizzle-orm/pg-core';

/** Everything of ours lies here, the migrations' own table too. */
export const SCHEMA = 'quorate';
export const quorateSchema = pgSchema(SCHEMA);

/** Bytes, compared as bytes. */
export const bytea = customType<{ data: Uint8Array; driverData: Buffer }>({ dataType: () => 'bytea' });

/** A moment of PostgreSQL's clock. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
