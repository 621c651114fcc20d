import type { Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, type DatabaseSettings, openClient } from '../../src/adapters/postgres/database.js';
import { changeRows, findRows, rowItem } from '../../src/adapters/postgres/idempotency-rows.js';
import { PostgresIdempotencyStore } from '../../src/adapters/postgres/idempotency-store.js';
import { migrateSchema } from '../../src/adapters/postgres/migrate.js';
import type { WriteAnswer } from '../../src/domain/idempotency.js';
import type { Reservation } from '../../src/ports/idempotency-store.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase } from '../support/test-database.js';

const ANSWER: WriteAnswer = { clock: [{ actor: 'c@1', timestamp: 5 }], replicaCount: 2, level: 'quorum' };
const ROWS = 20_000;
const PRIMARY_KEY = 'idempotency_records_tenant_number_key_idempotency_key_pk';

const reservation = (i: number): Reservation => ({
  scope: { tenantNumber: 1, key: Buffer.from(`key ${String(i).padStart(6, '0')}`), idempotencyKey: Buffer.from('i') },
  fingerprint: Buffer.alloc(32, 1),
  dot: { actor: 'c@1', timestamp: i + 1 },
  owner: `c@1/${i}`,
  leaseMs: 60_000,
});

describe('the rows of idempotency keys in PostgreSQL', () => {
  let settings: DatabaseSettings;
  let database: Database;
  let store: PostgresIdempotencyStore;
  let admin: Sql;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const made = await createTestDatabase();
    settings = { ...made.settings, applicationName: 'idempotency rows' };
    drop = made.drop;
    await migrateSchema(settings);
    admin = openClient(made.settings);
  });
  beforeEach(async () => {
    database = new Database(settings);
    store = new PostgresIdempotencyStore(database);
    await admin`truncate quorate.idempotency_records`;
  });
  afterEach(() => database.close());
  afterAll(async () => {
    await admin.end();
    await drop();
  });

  const reserveAll = (numbers: readonly number[]) =>
    Promise.all(numbers.map((i) => store.reserve(reservation(i), 60_000)));
  const waitingForLock = async () => {
    const [row] = await admin`select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock'
      and application_name = ${settings.applicationName}`;
    return Number(row?.count);
  };
  /** Of these rows, those that nobody has locked. */
  const unlocked = async (numbers: readonly number[]) => {
    const keys = JSON.stringify(numbers.map((i) => Buffer.from(reservation(i).scope.key).toString('hex')));
    const rows = await admin`select dot_timestamp from quorate.idempotency_records
      where encode(key, 'hex') in (select json_array_elements_text(${keys}::text::json)) for update skip locked`;
    return rows.map((row) => Number(row.dot_timestamp) - 1).sort((a, b) => a - b);
  };

  const changes = {
    answer: (i: number) => store.storeAnswer(reservation(i), ANSWER),
    release: (i: number) => store.release(reservation(i), false),
    forget: (i: number) => store.forget(reservation(i)),
  };

  it.each(['answer', 'release', 'forget'] as const)('are locked in the order of their keys: %s', async (change) => {
    // Where they lie in the table, and what is asked first, is another order.
    const numbers = [4, 0, 3, 1, 2];
    for (const i of numbers) await reserveAll([i]);
    const locker = openClient({ ...settings, applicationName: 'locker' });
    await locker`begin`;
    await locker`select from quorate.idempotency_records where dot_timestamp = ${reservation(2).dot.timestamp} for update`;
    const changed = Promise.all(numbers.map(changes[change]));
    await eventually(async () => (await waitingForLock()) === 1);
    const free = await unlocked(numbers);
    await locker`commit`;
    await locker.end();
    await changed;
    expect(free).toEqual([3, 4]);
  });

  it('are inserted in the order of their keys', async () => {
    const locker = openClient({ ...settings, applicationName: 'locker' });
    await locker`begin`;
    await locker`insert into quorate.idempotency_records (tenant_number, key, idempotency_key, fingerprint, dot_actor,
      dot_timestamp, owner, expires_at) values (1, ${Buffer.from(reservation(2).scope.key)}, ${Buffer.from('i')},
      ${Buffer.alloc(32)}, 'x', 1, 'x', now())`;
    const reserved = reserveAll([4, 0, 3, 1, 2]);
    await eventually(async () => (await waitingForLock()) === 1);
    // Whoever inserts a key that is inserted already waits for it; what comes later in the order is free.
    const probe = async (i: number) => {
      const client = openClient({ ...settings, applicationName: 'probe' });
      await client`set lock_timeout = '50ms'`;
      const inserted =
        await client`insert into quorate.idempotency_records (tenant_number, key, idempotency_key, fingerprint,
        dot_actor, dot_timestamp, owner, expires_at) values (1, ${Buffer.from(reservation(i).scope.key)}, ${Buffer.from('i')},
        ${Buffer.alloc(32)}, 'x', 1, 'x', now()) returning 1`.then(
          () => true,
          () => false,
        );
      await client.end();
      return inserted;
    };
    const inserted = [await probe(0), await probe(1), await probe(3), await probe(4)];
    await locker`rollback`;
    await locker.end();
    await reserved;
    expect(inserted).toEqual([false, false, true, true]);
  });

  it(`are found by their key among ${ROWS}, whatever the planner thinks of the table`, async () => {
    for (let from = 0; from < ROWS; from += 4000) {
      await reserveAll(Array.from({ length: 4000 }, (_, i) => from + i));
    }
    await admin`analyze quorate.idempotency_records`;
    const planOf = async (statement: (sql: Sql) => ReturnType<typeof findRows>) => {
      const plan = await database.query((sql) => sql`explain ${statement(sql)}`);
      return plan.map((row) => String(row['QUERY PLAN'])).join('\n');
    };
    const some = Array.from({ length: 256 }, (_, i) => reservation(i * 70));
    for (const change of ['reserve', 'answer', 'release', 'forget'] as const) {
      const plan = await planOf((sql) => changeRows(sql, change, some.map(rowItem)));
      expect(plan).toContain(`Conflict Arbiter Indexes: ${PRIMARY_KEY}`);
      expect(plan).toMatch(/Sort Key: item.tenant_number, .*item.key.*item.idempotency_key/);
      expect(plan).not.toContain('Scan on idempotency_records');
    }
    const search = await planOf((sql) =>
      findRows(
        sql,
        some.map(({ scope }) => scope),
      ),
    );
    expect(search).toContain(`Index Scan using ${PRIMARY_KEY}`);
    expect(search).not.toContain('Seq Scan');
  });

  it('keep no more than a bounded number of requests waiting while PostgreSQL hangs, and none past its time', async () => {
    const hanging = new Database({ ...settings, statementTimeoutMs: 1000 });
    const stuck = new PostgresIdempotencyStore(hanging);
    const locker = openClient({ ...settings, applicationName: 'locker' });
    await locker`begin`;
    await locker`lock table quorate.idempotency_records in access exclusive mode`;
    const results = await Promise.allSettled(
      Array.from({ length: 10_000 }, (_, i) => stuck.reserve(reservation(i), 200)),
    );
    const sent = results.map((result) => {
      expect(result).toMatchObject({ status: 'rejected', reason: { kind: 'metadata_unavailable' } });
      return result.status === 'rejected' && result.reason.sent;
    });
    expect(sent.filter(Boolean).length).toBeLessThanOrEqual(512);
    await locker`commit`;
    await locker.end();
    await hanging.close();
    const [row] = await admin`select count(*)::int as count from quorate.idempotency_records`;
    expect(row?.count).toBeLessThanOrEqual(512);
  });

  it('are changed although PostgreSQL undoes a statement in favour of another one', async () => {
    await reserveAll([0, 1]);
    const rival = openClient({ ...settings, applicationName: 'rival' });
    await rival`set deadlock_timeout = '1min'`;
    const lock = (i: number) =>
      rival`select from quorate.idempotency_records where dot_timestamp = ${reservation(i).dot.timestamp} for update`;
    await rival`begin`;
    await lock(1);
    const stored = Promise.all([0, 1].map(changes.answer));
    await eventually(async () => (await waitingForLock()) === 1);
    // The circle closes here; ours is the one that is undone.
    await lock(0);
    await rival`commit`;
    await rival.end();
    await stored;
    for (const i of [0, 1]) {
      expect(await store.find(reservation(i).scope, 5000)).toMatchObject({ state: { kind: 'answered' } });
    }
    const [row] = await admin`select pg_stat_get_db_deadlocks(oid) as count from pg_database
      where datname = current_database()`;
    expect(Number(row?.count)).toBe(1);
  });
});
