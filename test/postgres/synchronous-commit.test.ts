import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, type DatabaseSettings, openClient } from '../../src/adapters/postgres/database.js';
import { PostgresIdempotencyStore } from '../../src/adapters/postgres/idempotency-store.js';
import { migrateSchema } from '../../src/adapters/postgres/migrate.js';
import { LossyCommitsError, withSynchronousCommit } from '../../src/adapters/postgres/synchronous-commit.js';
import { createTestDatabase } from '../support/test-database.js';

describe('where the database does not wait for its disk before it answers a commit', () => {
  let settings: DatabaseSettings;
  let drop: () => Promise<void>;

  const admin = async (statement: string) => {
    const client = openClient(settings);
    const rows = await client.unsafe(statement);
    await client.end();
    return rows;
  };
  const setDefault = (value: string) =>
    admin(`alter database ${new URL(settings.url).pathname.slice(1)} set synchronous_commit = ${value}`);
  const settingOf = async (database: Database) => {
    const [row] = await database.query((sql) => sql`select current_setting('synchronous_commit') as value`);
    return row?.value;
  };

  beforeAll(async () => {
    ({ settings, drop } = await createTestDatabase());
    await migrateSchema(settings);
    // Each row remembers under what it was inserted: a trigger runs in the same transaction, up to its commit.
    await admin(`
      create table quorate.seen (owner text, value text);
      create function quorate.see() returns trigger language plpgsql as $$ begin
        insert into quorate.seen values (new.owner, current_setting('synchronous_commit')); return null; end $$;
      create constraint trigger see after insert on quorate.idempotency_records
        deferrable initially deferred for each row execute function quorate.see()`);
  });
  afterAll(() => drop());

  it.each(['off', 'local'])('connections ask for it, when the default is %s', async (value) => {
    await setDefault(value);
    const raised = await withSynchronousCommit(settings);
    const database = new Database(raised);
    expect(await settingOf(database)).toBe('on');
    await database.close();
  });

  it.each(['on', 'remote_apply'])('connections ask for nothing, when the default is %s', async (value) => {
    await setDefault(value);
    expect(await withSynchronousCommit(settings)).toBe(settings);
  });

  it('a coordinator behind a pooler refuses to start, and says what to set', async () => {
    await setDefault('off');
    const refusal = await withSynchronousCommit({ ...settings, prepare: false }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(LossyCommitsError);
    expect(String(refusal)).toMatch(/synchronous_commit is "off".*alter role/);
  });

  it.each([
    ['off', 'on'],
    ['local', 'on'],
    ['remote_apply', 'remote_apply'],
  ])('a reservation waits for it all the same, on whatever connection: %s', async (value, expected) => {
    await setDefault(value);
    const database = new Database({ ...settings, prepare: false });
    expect(await settingOf(database)).toBe(value);
    const owner = `c@1/${value}`;
    const scope = { tenantNumber: 1, key: Buffer.from(value), idempotencyKey: Buffer.from('i') };
    const row = { scope, fingerprint: Buffer.alloc(32), dot: { actor: 'c@1', timestamp: 1 }, owner, leaseMs: 1000 };
    const store = new PostgresIdempotencyStore(database);
    expect(await store.reserve(row, 5000)).toEqual({ kind: 'reserved' });
    expect(await admin(`select value from quorate.seen where owner = '${owner}'`)).toMatchObject([{ value: expected }]);
    // Only that statement: others are as the database has them.
    expect(await settingOf(database)).toBe(value);
    await database.close();
  });
});
