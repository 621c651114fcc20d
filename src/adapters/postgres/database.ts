import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres, { type Sql } from 'postgres';
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
}

export const DATABASE_DEFAULTS = { prepare: true, poolMax: 4, statementTimeoutMs: 5000 } as const;

const CLOSE_TIMEOUT_S = 2;
const CONNECT_TIMEOUT_S = 3;
const RECONNECT_MAX_S = 1;

/**
 * Connections to PostgreSQL: one pool for Drizzle, which changes its client's parsers, and one for grouped statements in
 * plain SQL. Nothing relies on a session's state, so a transaction pooler may stand between.
 */
export class Database {
  readonly drizzle: PostgresJsDatabase;
  readonly sql: Sql;
  readonly prepare: boolean;
  readonly #timeoutMs: number;
  readonly #pools: readonly Sql[];

  constructor(settings: DatabaseSettings) {
    const drizzleClient = openClient(settings);
    this.sql = openClient(settings);
    this.drizzle = drizzle(drizzleClient);
    this.prepare = settings.prepare;
    this.#timeoutMs = settings.statementTimeoutMs;
    this.#pools = [drizzleClient, this.sql];
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
    await Promise.all(this.#pools.map((pool) => pool.end({ timeout: CLOSE_TIMEOUT_S })));
  }
}

/** A client of its own, for what must not share a pool: migrations and LISTEN. */
export function openClient(settings: DatabaseSettings, connections = settings.poolMax): Sql {
  const { url, ...socket } = socketOptions(settings.url);
  return postgres(url, {
    ...socket,
    max: connections,
    prepare: settings.prepare,
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: (attempt) => Math.min(RECONNECT_MAX_S, 0.05 * 2 ** attempt),
    onnotice: () => {},
    connection: { application_name: settings.applicationName },
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
