import { setTimeout as delay } from 'node:timers/promises';
import { sql as drizzleSql } from 'drizzle-orm';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, type DatabaseSettings, openClient } from '../../src/adapters/postgres/database.js';
import { MetadataUnavailableError } from '../../src/domain/errors.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase } from '../support/test-database.js';

describe('connections that PostgreSQL ends', () => {
  let settings: DatabaseSettings;
  let database: Database;
  let admin: Sql;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const made = await createTestDatabase();
    settings = { ...made.settings, applicationName: 'lost connections' };
    drop = made.drop;
    admin = openClient(made.settings);
    database = new Database(settings);
    await database.query((sql) => sql`create table rows (value int primary key)`);
  });
  beforeEach(async () => {
    await admin`truncate rows`;
    await eventually(() => database.query((sql) => sql`select 1`));
  });
  afterAll(async () => {
    await database.close();
    await admin.end();
    await drop();
  });

  const endAll = () => admin`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = ${settings.applicationName}`;
  const values = async () => {
    const rows = await admin`select value from rows order by value`;
    return rows.map((row) => Number(row.value));
  };

  it('fail what runs as unavailable, and leave nothing behind that hangs or fails later', async () => {
    let over = false;
    const problems: unknown[] = [];
    let cut = 0;
    const ask = async (i: number) => {
      for (let turn = i; !over; turn++) {
        // Statements come from every phase of the event loop, as from real callers.
        if (turn % 3 === 0) await new Promise(setImmediate);
        try {
          const [row] = await database.query((sql) => sql`select ${turn}::int as value`);
          if (row?.value !== turn) problems.push(`${row?.value} instead of ${turn}`);
        } catch (error) {
          cut++;
          if (!isCut(error)) problems.push(error);
        }
      }
    };
    const asking = Promise.all(Array.from({ length: 12 }, (_, i) => ask(i)));
    for (let i = 0; i < 30; i++) {
      await delay(10 + (i % 5) * 10);
      await endAll();
    }
    over = true;
    await asking;
    expect(problems).toEqual([]);
    expect(cut).toBeGreaterThan(10);
  });

  it('leave at most as many connections as the pools may have', async () => {
    for (let i = 0; i < 10; i++) {
      const running = Array.from({ length: 20 }, () => database.query((sql) => sql`select ${i}::int`).catch(() => {}));
      await endAll();
      await Promise.all(running);
    }
    await eventually(async () => {
      const [row] = await admin`select count(*)::int as count from pg_stat_activity
        where application_name = ${settings.applicationName}`;
      return Number(row?.count) <= 2 * settings.poolMax;
    });
  });

  it('undo a transaction, at whatever point it was', async () => {
    for (const endAt of [1, 2, 3]) {
      const work = database.run(() =>
        database.drizzle.transaction(async (tx) => {
          for (const value of [1, 2, 3]) {
            await tx.execute(drizzleSql`insert into rows values (${value})`);
            if (value === endAt) await endAll();
          }
        }),
      );
      await expect(work).rejects.toBeInstanceOf(MetadataUnavailableError);
      expect(await values()).toEqual([]);
    }
  });

  it('undo a transaction that waits for a lock', async () => {
    await admin`insert into rows values (1)`;
    const locker = openClient({ ...settings, applicationName: 'locker' });
    await locker`begin`;
    await locker`select from rows for update`;
    const waiting = database.run(() =>
      database.drizzle.transaction((tx) => tx.execute(drizzleSql`update rows set value = 2`)),
    );
    waiting.catch(() => {});
    await eventually(async () => {
      const [row] = await admin`select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock'
        and application_name = ${settings.applicationName}`;
      return row?.count === 1;
    });
    await endAll();
    await expect(waiting).rejects.toBeInstanceOf(MetadataUnavailableError);
    await locker.end();
    expect(await values()).toEqual([1]);
  });
});

describe('transactions', () => {
  let database: Database;
  let drop: () => Promise<void>;
  let settings: DatabaseSettings;

  beforeAll(async () => {
    ({ settings, drop } = await createTestDatabase());
    settings = { ...settings, poolMax: 2, statementTimeoutMs: 1000 };
    database = new Database(settings);
    await database.query((sql) => sql`create table rows (value int primary key)`);
  });
  beforeEach(() => database.query((sql) => sql`truncate rows`));
  afterAll(async () => {
    await database.close();
    await drop();
  });

  const count = async () => {
    const [row] = await database.run(() =>
      database.drizzle.execute(drizzleSql`select count(*)::int as count from rows`),
    );
    return row?.count;
  };

  it('are undone when their work rejects, and the error is the same', async () => {
    const error = new Error('no');
    const work = database.drizzle.transaction(async (tx) => {
      await tx.execute(drizzleSql`insert into rows values (1)`);
      throw error;
    });
    await expect(work).rejects.toBe(error);
    expect(await count()).toBe(0);
  });

  it('share no connection with each other or with statements, though there are more of them than connections', async () => {
    const insert = (from: number) =>
      database.drizzle.transaction(async (tx) => {
        await tx.execute(drizzleSql`insert into rows values (${from})`);
        await delay(5);
        await tx.execute(drizzleSql`insert into rows values (${from + 1})`);
        if (from % 4 === 0) throw new Error('undo');
      });
    const results = await Promise.allSettled([
      ...Array.from({ length: 20 }, (_, i) => insert(2 * i)),
      ...Array.from({ length: 20 }, async () => expect(((await count()) as number) % 2).toBe(0)),
    ]);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10);
    expect(await count()).toBe(20);
  });

  it('that take longer than a statement may are undone and give their connection back', async () => {
    const blocker = openClient(settings);
    await blocker.unsafe('begin');
    await blocker`insert into rows values (1)`;
    const stuck = Array.from({ length: 3 }, () =>
      database.run(() =>
        database.drizzle.transaction(async (tx) => {
          await delay(settings.statementTimeoutMs / 2);
          await tx.execute(drizzleSql`insert into rows values (1)`);
        }),
      ),
    );
    // Freed at once, none of them may go on and commit what its caller was told has failed.
    for (const { status } of await Promise.allSettled(stuck)) expect(status).toBe('rejected');
    await blocker.unsafe('rollback');
    await blocker.end();
    await delay(100);
    expect(await count()).toBe(0);
  });
});

/** The connection was closed, or PostgreSQL said before that it would. */
function isCut(error: unknown): boolean {
  return error instanceof MetadataUnavailableError && !/within \d+ ms/.test(error.message);
}
