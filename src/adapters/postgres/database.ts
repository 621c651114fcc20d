import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres, { type Sql } from 'postgres';
import { despiteConflicts } from './conflicts.js';
import { ConnectionPool } from './connection-pool.js';
import { drizzleOver, openForDrizzle } from './drizzle-over-pool.js';
import { StatementTimeoutError, translatePostgresError } from './postgres-errors.js';

export interface DatabaseSettings {
  readonly url: string;
  /** Prepared statements; off behind a transaction pooler. */
  readonly prepare: boolean;
  /** Connections of each of the two pools. */
  readonly poolMax: number;
  /** A statement that takes longer counts as PostgreSQL being away. */
  readonly statementTimeoutMs: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Connections ask for synchronous commits, whatever role and database say: see `synchronous-commit.ts`. */
  readonly synchronousCommit?: boolean;
}

export const DATABASE_DEFAULTS = { prepare: true, poolMax: 4, statementTimeoutMs: 5000 } as const;

const CLOSE_TIMEOUT_S = 2;
const CONNECT_TIMEOUT_S = 3;
const RECONNECT_MAX_S = 1;

/**
 * Connections to PostgreSQL: one pool for Drizzle, which changes its clients' parsers, and one for grouped statements in
 * plain SQL. Nothing relies on a session's state, so a transaction pooler may stand between.
 */
export class Database {
  readonly drizzle: PostgresJsDatabase;
  readonly #timeoutMs: number;
  readonly #drizzlePool: ConnectionPool;
  readonly #plainPool: ConnectionPool;

  constructor(settings: DatabaseSettings) {
    const { poolMax: max, statementTimeoutMs } = settings;
    const open = (onClose: () => void) => openClient(settings, onClose);
    this.#plainPool = new ConnectionPool({ open, max, statementTimeoutMs });
    this.#drizzlePool = new ConnectionPool({ open: openForDrizzle(open), max, statementTimeoutMs });
    this.drizzle = drizzleOver(this.#drizzlePool);
    this.#timeoutMs = statementTimeoutMs;
  }

  /** @throws MetadataUnavailableError, or the driver's error for a fault of ours */
  query<Row>(statement: (sql: Sql) => PromiseLike<Row>): Promise<Row> {
    return this.run(() => despiteConflicts(() => this.#plainPool.run(statement)));
  }

  /**
   * Runs a statement or transaction under the deadline, which a stopped server would never keep by itself.
   * @throws MetadataUnavailableError, or the driver's error for a fault of ours
   */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new StatementTimeoutError(this.#timeoutMs)), this.#timeoutMs);
    });
    try {
      return await Promise.race([work(), deadline]);
    } catch (error) {
      throw translatePostgresError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#drizzlePool, this.#plainPool].map((pool) => pool.end(CLOSE_TIMEOUT_S)));
  }
}

/** A client of one connection. */
export function openClient(settings: DatabaseSettings, onClose?: () => void): Sql {
  const { url, ...socket } = socketOptions(settings.url);
  return postgres(url, {
    ...socket,
    max: 1,
    prepare: settings.prepare,
    connect_timeout: CONNECT_TIMEOUT_S,
    max_lifetime: null,
    // No statement passes arrays; and where nothing could catch it, asking for their types would fail with its connection.
    fetch_types: false,
    backoff: (attempt) => Math.min(RECONNECT_MAX_S, 0.05 * 2 ** attempt),
    onnotice: () => {},
    connection: {
      application_name: settings.applicationName,
      ...(settings.synchronousCommit === true ? { synchronous_commit: 'on' } : {}),
    },
    ...(onClose === undefined ? {} : { onclose: onClose }),
  });
}

/** A URL names a unix socket's folder as `?host=/folder`, as libpq has it; the driver would send it to the server. */
function socketOptions(url: string): { url: string; host?: string; port?: number } {
  const parsed = new URL(url);
  const folder = parsed.searchParams.get('host');
  if (folder === null || !folder.startsWith('/')) return { url };
  parsed.searchParams.delete('host');
  return { url: parsed.href, host: folder, port: Number(parsed.port || '5432') };
}
