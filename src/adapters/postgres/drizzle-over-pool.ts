import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Sql } from 'postgres';
import type { ConnectionPool, RunStatement } from './connection-pool.js';

/** Drizzle on a pool of our own: of a client it uses these two. The pool's clients are opened with `openForDrizzle`. */
export function drizzleOver(pool: ConnectionPool): PostgresJsDatabase {
  const begin = <Result>(work: (tx: Sql) => Promise<Result>) => pool.transaction((run) => work(clientOver(run)));
  return drizzle(clientOver(pool.run, begin));
}

/** Drizzle parses values itself, and says so to each client that it is given. */
export function openForDrizzle(open: (onClose: () => void) => Sql): (onClose: () => void) => Sql {
  return (onClose) => drizzle(open(onClose)).$client;
}

function clientOver(run: RunStatement, begin?: unknown): Sql {
  const unsafe = (...args: Parameters<Sql['unsafe']>) => {
    const values = () => run((sql) => sql.unsafe(...args).values());
    const rows = () => run((sql) => sql.unsafe(...args));
    // biome-ignore lint/suspicious/noThenProperty: as the driver's queries are, run only when awaited
    return { values, then: (...ends: Parameters<Promise<unknown>['then']>) => rows().then(...ends) };
  };
  return { unsafe, begin, options: { parsers: {}, serializers: {} } } as unknown as Sql;
}
