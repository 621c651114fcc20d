import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import {
  DATABASE_DEFAULTS,
  Database,
  type DatabaseSettings,
  openClient,
} from '../../src/adapters/postgres/database.js';
import { migrateSchema } from '../../src/adapters/postgres/migrate.js';

export interface TestDatabase {
  readonly settings: DatabaseSettings;
  drop(): Promise<void>;
}

/** An empty database of this test's own, without our schema. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = { ...DATABASE_DEFAULTS, url: inject('postgresUrl'), applicationName: 'tests' };
  const name = `test_${randomBytes(6).toString('hex')}`;
  const run = async (statement: string) => {
    const client = openClient(server);
    await client.unsafe(statement);
    await client.end();
  };
  await run(`create database ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return { settings: { ...server, url: url.href }, drop: () => run(`drop database ${name} with (force)`) };
}

/** With our schema, and a pool on it. */
export async function openTestDatabase(): Promise<{
  readonly database: Database;
  readonly settings: DatabaseSettings;
  close(): Promise<void>;
}> {
  const { settings, drop } = await createTestDatabase();
  await migrateSchema(settings);
  const database = new Database(settings);
  const close = async () => {
    await database.close();
    await drop();
  };
  return { database, settings, close };
}
