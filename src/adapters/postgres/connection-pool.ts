import type { Sql } from 'postgres';
import { Connection, ConnectionClosedError } from './connection.js';

export type RunStatement = <Result>(statement: (sql: Sql) => PromiseLike<Result>) => Promise<Result>;

export interface PoolOptions {
  /** Makes a client of one connection that calls `onClose` when that is gone. */
  readonly open: (onClose: () => void) => Sql;
  /** Connections at most. */
  readonly max: number;
  /** A statement or transaction that takes longer loses its connection; neither does one wait longer for a connection. */
  readonly statementTimeoutMs: number;
}

/** Connections that are made when they are needed. Statements share them, pipelined; a transaction has one to itself. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #connections = new Set<Connection>();
  /** Statements and transactions for which every connection is reserved, oldest first. */
  readonly #waiting: (() => void)[] = [];
  #ended = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** @throws ConnectionClosedError, or what the driver says of the statement */
  readonly run: RunStatement = async (statement) => (await this.#take()).run(statement);

  /**
   * What `work` runs is committed when it resolves, and undone when it rejects. As a whole it has no more time than a
   * statement has: what its caller gave up may not be committed later.
   * @param mode as `begin` takes it: `isolation level repeatable read`
   */
  async transaction<Result>(work: (run: RunStatement) => Promise<Result>, mode = ''): Promise<Result> {
    const untilMs = performance.now() + this.#options.statementTimeoutMs;
    const connection = await this.#take('reserved');
    const timer = setTimeout(() => connection.close(), untilMs - performance.now()).unref();
    try {
      await connection.idle();
      await connection.run((sql) => sql.unsafe(`begin ${mode}`));
      const result = await workOrRollBack(connection, work);
      await connection.run((sql) => sql.unsafe('commit'));
      return result;
    } finally {
      clearTimeout(timer);
      connection.reserved = false;
      this.#wake();
    }
  }

  async end(timeoutSeconds: number): Promise<void> {
    this.#ended = true;
    await Promise.all([...this.#connections].map((connection) => connection.end(timeoutSeconds)));
    this.#wake();
  }

  async #take(use: 'shared' | 'reserved' = 'shared'): Promise<Connection> {
    for (const untilMs = performance.now() + this.#options.statementTimeoutMs; ; ) {
      if (this.#ended) throw new ConnectionClosedError();
      const connection = this.#choose();
      if (connection !== undefined) {
        if (use === 'reserved') connection.reserved = true;
        return connection;
      }
      await this.#released(untilMs);
    }
  }

  #released(untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new ConnectionClosedError()), untilMs - performance.now());
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** The least busy of the connections that no transaction has; a new one rather than a busy one. */
  #choose(): Connection | undefined {
    let best: Connection | undefined;
    for (const connection of this.#connections) {
      if (connection.reserved || (best !== undefined && best.running <= connection.running)) continue;
      best = connection;
    }
    const mayConnect = this.#connections.size < this.#options.max;
    return mayConnect && best?.running !== 0 ? this.#connect() : best;
  }

  #connect(): Connection {
    const { open, statementTimeoutMs } = this.#options;
    const connection = new Connection(open, statementTimeoutMs, () => {
      this.#connections.delete(connection);
      this.#wake();
    });
    this.#connections.add(connection);
    return connection;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

async function workOrRollBack<Result>(
  connection: Connection,
  work: (run: RunStatement) => Promise<Result>,
): Promise<Result> {
  try {
    return await work((statement) => connection.run(statement));
  } catch (error) {
    // A connection that is gone has rolled back.
    await connection.run((sql) => sql.unsafe('rollback')).catch(() => {});
    throw error;
  }
}
