import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { ConnectionPool, type RunStatement } from './connection-pool.js';
import { type DatabaseSettings, openClient } from './database.js';
import { drizzleOver, openForDrizzle } from './drizzle-over-pool.js';
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
/** Another coordinator's migrations may hold the lock for a while, and a migration may rewrite a table. */
const STATEMENT_TIMEOUT_MS = 3_600_000;

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
  await withPools(settings, async (locker, worker) => {
    await prepareLock(locker.run);
    await locker.transaction(async (run) => {
      await run((sql) => sql`select 1 from quorate.migration_lock for update`);
      await refuseNewerSchema(worker.run);
      const options = {
        migrationsFolder: MIGRATIONS_FOLDER,
        migrationsSchema: SCHEMA,
        migrationsTable: MIGRATIONS_TABLE,
      };
      await migrate(drizzleOver(worker), options);
    });
  });
}

/**
 * For coordinators whose role may not alter tables.
 * @throws SchemaMissingError, SchemaTooNewError, MetadataUnavailableError
 */
export async function checkSchema(settings: DatabaseSettings): Promise<void> {
  await withPools(settings, async ({ run }) => {
    await refuseNewerSchema(run);
    const [table] = await run((sql) => sql`select to_regclass('quorate.schema_migrations') is not null as known`);
    const [row] = table?.known
      ? await run((sql) => sql`select count(*)::int as count from quorate.schema_migrations`)
      : [];
    if (Number(row?.count ?? 0) < migrationCount()) throw new SchemaMissingError();
  });
}

async function prepareLock(run: RunStatement): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await run((sql) => sql`create schema if not exists quorate`);
      await run(
        (sql) => sql`create table if not exists quorate.migration_lock (only_row boolean primary key check (only_row))`,
      );
      await run((sql) => sql`insert into quorate.migration_lock values (true) on conflict do nothing`);
      return;
    } catch (error) {
      if (attempt === COLLISION_ATTEMPTS || !COLLISIONS.has(postgresCode(error) ?? '')) throw error;
      await delay(20 * attempt);
    }
  }
}

async function refuseNewerSchema(run: RunStatement): Promise<void> {
  const [table] = await run((sql) => sql`select to_regclass('quorate.schema_info') is not null as known`);
  if (!table?.known) return;
  const [row] = await run((sql) => sql`select compatibility from quorate.schema_info`);
  const compatibility = Number(row?.compatibility ?? 0);
  if (compatibility > SCHEMA_COMPATIBILITY) throw new SchemaTooNewError(compatibility);
}

async function withPools(
  settings: DatabaseSettings,
  work: (locker: ConnectionPool, worker: ConnectionPool) => Promise<void>,
): Promise<void> {
  const open = openForDrizzle((onClose) => openClient(settings, onClose));
  const pool = () => new ConnectionPool({ open, max: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  const pools = [pool(), pool()] as const;
  try {
    await work(...pools);
  } catch (error) {
    throw translatePostgresError(error);
  } finally {
    await Promise.all(pools.map((each) => each.end(1)));
  }
}

function migrationCount(): number {
  const journal: unknown = JSON.parse(readFileSync(`${MIGRATIONS_FOLDER}/meta/_journal.json`, 'utf8'));
  return (journal as { readonly entries: readonly unknown[] }).entries.length;
}
