import type { Sql } from 'postgres';

const END_TIMEOUT_S = 5;

/** A connection that broke or was given up, under a statement or before it. */
export class ConnectionClosedError extends Error {
  readonly code = 'CONNECTION_CLOSED';

  constructor() {
    super('the connection to PostgreSQL was closed');
    this.name = 'ConnectionClosedError';
  }
}

/**
 * One connection: a client of the driver with a single connection, which takes no statement any more once that is gone.
 * The driver (3.4.9) would reuse it, and may then wait for bytes that it forgot to send, lose a statement that came between
 * a socket's error and its end, or throw where nothing can catch it: https://github.com/porsager/postgres/issues/1208.
 */
export class Connection {
  /** Taken by one transaction: no other statement may run here. */
  reserved = false;
  readonly #client: Sql;
  readonly #timeoutMs: number;
  readonly #onGone: () => void;
  /** Ends each statement under way. */
  readonly #running = new Set<(error: Error) => void>();
  #gone = false;
  #onIdle: (() => void) | undefined;

  /**
   * @param open makes a client of one connection that calls `onClose` when that is gone
   * @param timeoutMs a statement that takes longer closes its connection: nothing behind it would do better
   */
  constructor(open: (onClose: () => void) => Sql, timeoutMs: number, onGone: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#onGone = onGone;
    this.#client = open(() => this.close());
  }

  /** Statements under way. */
  get running(): number {
    return this.#running.size;
  }

  /** @throws ConnectionClosedError, or what the driver says of the statement */
  run<Result>(statement: (sql: Sql) => PromiseLike<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(new ConnectionClosedError());
      const query = statement(this.#client);
      this.#running.add(reject);
      const timer = setTimeout(() => this.close(), this.#timeoutMs).unref();
      const settle =
        <Value>(end: (value: Value) => void) =>
        (value: Value) => {
          clearTimeout(timer);
          this.#running.delete(reject);
          if (this.#running.size === 0) this.#onIdle?.();
          end(value);
        };
      query.then(settle(resolve), settle(reject));
    });
  }

  /** Resolves when nothing runs here any more. */
  async idle(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  async end(timeoutSeconds: number): Promise<void> {
    await this.#client.end({ timeout: timeoutSeconds });
  }

  /** Gives it up, with what runs on it. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const reject of this.#running) reject(new ConnectionClosedError());
    this.#running.clear();
    this.#onIdle?.();
    this.#onGone();
    // The driver connects once more when it still had statements to send.
    void this.end(END_TIMEOUT_S);
  }
}
