import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import type { Sql } from 'postgres';
import { type DatabaseSettings, openClient } from './database.js';
import { postgresCode, translatePostgresError } from './postgres-errors.js';
import { SCHEMA } from './schema/quorate-schema.js';

/** What this release's schema asks of coordinators; SQL migrations raise the number when older ones can't go on. */
export const SCHEMA_COMPATIBILITY = 1;

/** The package's root is three levels up, from the sources and from what they are compiled to. */
const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../drizzle', import.meta.url));
const MIGRATIONS_TABLE = 'schema_migrations';
/** Two who make the schema at the same moment collide in the catalogue; the loser tries again. */
const COLLISIONS = new Set(['23505', '42P06', '42P07', '42710']);
const COLLISION_ATTEMPTS = 10;

export class SchemaTooNewError extends Error {
  constructor(compatibility: number) {
    super(
      `the database's schema asks for coordinators of compatibility ${compatibility}, ` +
        `this release has ${SCHEMA_COMPATIBILITY}: start a newer release`,
    );
    this.name = 'SchemaTooNewError';
  }
}

export class SchemaMissingError extends Error {
  constructor() {
    super('the database lacks migrations of this release: run "quorate migrate" with a role that may alter tables');
    this.name = 'SchemaMissingError';
  }
}

/**
 * Brings the schema up to this release, one coordinator at a time, under a lock row.
 * @throws SchemaTooNewError, MetadataUnavailableError
 */
export async function migrateSchema(settings: DatabaseSettings): Promise<void> {
  await withClients(settings, async (locker, worker) => {
    await prepareLock(locker);
    await locker.begin(async (tx) => {
      await tx`select 1 from quorate.migration_lock for update`;
      await refuseNewerSchema(worker);
      const options = {
        migrationsFolder: MIGRATIONS_FOLDER,
        migrationsSchema: SCHEMA,
        migrationsTable: MIGRATIONS_TABLE,
      };
      await migrate(drizzle(worker), options);
    });
  });
}

/**
 * For coordinators whose role may not alter tables.
 * @throws SchemaMissingError, SchemaTooNewError, MetadataUnavailableError
 */
export async function checkSchema(settings: DatabaseSettings): Promise<void> {
  await withClients(settings, async (client) => {
    await refuseNewerSchema(client);
    const applied = await client`select to_regclass('quorate.schema_migrations') is not null as known`;
    const count = applied[0]?.known ? await client`select count(*)::int as count from quorate.schema_migrations` : [];
    if (Number(count[0]?.count ?? 0) < migrationCount()) throw new SchemaMissingError();
  });
}

async function prepareLock(client: Sql): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client`create schema if not exists quorate`;
      await client`create table if not exists quorate.migration_lock (only_row boolean primary key check (only_row))`;
      await client`insert into quorate.migration_lock values (true) on conflict do nothing`;
      return;
    } catch (error) {
      if (attempt === COLLISION_ATTEMPTS || !COLLISIONS.has(postgresCode(error) ?? '')) throw error;
      await delay(20 * attempt);
    }
  }
}

async function refuseNewerSchema(client: Sql): Promise<void> {
  const [table] = await client`select to_regclass('quorate.schema_info') is not null as known`;
  if (!table?.known) return;
  const [row] = await client`select compatibility from quorate.schema_info`;
  const compatibility = Number(row?.compatibility ?? 0);
  if (compatibility > SCHEMA_COMPATIBILITY) throw new SchemaTooNewError(compatibility);
}

async function withClients(settings: DatabaseSettings, work: (a: Sql, b: Sql) => Promise<void>): Promise<void> {
  const clients = [openClient(settings, 1), openClient(settings, 1)] as const;
  try {
    await work(...clients);
  } catch (error) {
    throw translatePostgresError(error);
  } finally {
    await Promise.all(clients.map((client) => client.end({ timeout: 1 })));
  }
}

function migrationCount(): number {
  const journal: unknown = JSON.parse(readFileSync(`${MIGRATIONS_FOLDER}/meta/_journal.json`, 'utf8'));
  return (journal as { readonly entries: readonly unknown[] }).entries.length;
}
