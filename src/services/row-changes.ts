import { MetadataUnavailableError } from '../domain/errors.js';
import type { WriteAnswer } from '../domain/idempotency.js';
import { type Clock, sleep, type Timer } from '../ports/clock.js';
import type { IdempotencyStore, KeyedRow } from '../ports/idempotency-store.js';
import type { Log } from '../ports/log.js';

export type RowChange =
  | { readonly kind: 'answer'; readonly row: KeyedRow; readonly answer: WriteAnswer }
  | { readonly kind: 'release'; readonly row: KeyedRow; readonly maybeAnswered: boolean }
  | { readonly kind: 'forget'; readonly row: KeyedRow };

/** Changes that are under way or wait: two seconds of a busy coordinator. */
const CHANGES_MAX = 10_000;
/** Of their keys and clocks: long keys make it fewer. */
const BYTES_MAX = 16 * 1024 * 1024;
/** By then retries have long rebuilt an answer, or the client has given up. */
const AGE_MAX_MS = 600_000;
const RETRIED_AT_ONCE = 256;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 5000;
/** Drops are summed for so long, for one line of the log. */
const SUMMED_MS = 5000;
const STOP_WITHIN_MS = 2000;
/** Fingerprint, dot, owner and objects; and of each entry of an answer's clock. */
const ROW_BYTES = 300;
const ENTRY_BYTES = 100;

interface Entry {
  readonly change: RowChange;
  readonly bytes: number;
  readonly sinceMs: number;
}

export interface RowChangesParts {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What becomes of idempotency rows after their requests, in the background: no client waits for it. While the store is away
 * it is tried again, within bounds; what is dropped costs a later request with the same key a lease's wait and a
 * question to the replicas.
 */
export class RowChanges {
  readonly #parts: RowChangesParts;
  #waiting: Entry[] = [];
  readonly #underWay = new Set<Promise<boolean>>();
  #count = 0;
  #bytes = 0;
  #dropped = 0;
  #retryTimer: Timer | undefined;
  #isRetrying = false;
  #retryMs = RETRY_MIN_MS;
  #stopped = false;

  constructor(parts: RowChangesParts) {
    this.#parts = parts;
  }

  add(change: RowChange): void {
    const entry = { change, bytes: bytesOf(change), sinceMs: this.#parts.clock.monotonicMs() };
    if (this.#stopped || this.#count >= CHANGES_MAX || this.#bytes + entry.bytes > BYTES_MAX) return this.#drop();
    this.#count++;
    this.#bytes += entry.bytes;
    // While the store is away only retries ask it.
    if (this.#waiting.length > 0) this.#waiting.push(entry);
    else void this.#attempt(entry);
  }

  /** What is under way may end, for a moment; what waits is dropped. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retryTimer?.cancel();
    const over = new AbortController();
    const settled = Promise.all(this.#underWay).then(() => over.abort());
    await Promise.race([settled, sleep(this.#parts.clock, STOP_WITHIN_MS, over.signal)]);
  }

  /** Whether the store took it. */
  #attempt(entry: Entry): Promise<boolean> {
    const attempt = this.#apply(entry);
    this.#underWay.add(attempt);
    void attempt.then(() => this.#underWay.delete(attempt));
    return attempt;
  }

  async #apply(entry: Entry): Promise<boolean> {
    try {
      await apply(this.#parts.store, entry.change);
      this.#leave(entry);
      return true;
    } catch (err) {
      if (err instanceof MetadataUnavailableError) {
        this.#waiting.push(entry);
        this.#retryLater();
      } else {
        this.#leave(entry);
        this.#parts.log.error({ err }, 'an idempotency row could not be changed');
      }
      return false;
    }
  }

  #retryLater(): void {
    if (this.#stopped || this.#isRetrying || this.#retryTimer !== undefined) return;
    this.#retryTimer = this.#parts.clock.after(this.#retryMs, () => void this.#retry());
  }

  /** One at a time. */
  async #retry(): Promise<void> {
    this.#retryTimer = undefined;
    this.#isRetrying = true;
    const oldestMs = this.#parts.clock.monotonicMs() - AGE_MAX_MS;
    const batch: Entry[] = [];
    for (const entry of this.#waiting.splice(0, RETRIED_AT_ONCE)) {
      if (entry.sinceMs >= oldestMs) batch.push(entry);
      else {
        this.#leave(entry);
        this.#drop();
      }
    }
    const results = await Promise.all(batch.map((entry) => this.#attempt(entry)));
    this.#retryMs = results.includes(false) ? Math.min(this.#retryMs * 2, RETRY_MAX_MS) : RETRY_MIN_MS;
    this.#isRetrying = false;
    if (this.#stopped || this.#waiting.length === 0) return;
    if (results.includes(false)) this.#retryLater();
    else void this.#retry();
  }

  #leave({ bytes }: Entry): void {
    this.#count--;
    this.#bytes -= bytes;
  }

  #drop(): void {
    const { clock, log } = this.#parts;
    if (this.#dropped++ > 0) return;
    clock.after(SUMMED_MS, () => {
      log.warn({ dropped: this.#dropped }, 'changes of idempotency rows were dropped: PostgreSQL is slow or away');
      this.#dropped = 0;
    });
  }
}

async function apply(store: IdempotencyStore, change: RowChange): Promise<void> {
  switch (change.kind) {
    case 'answer':
      return store.storeAnswer(change.row, change.answer);
    case 'release':
      return store.release(change.row, change.maybeAnswered);
    case 'forget':
      return store.forget(change.row);
  }
}

function bytesOf(change: RowChange): number {
  const { key, idempotencyKey } = change.row.scope;
  const entries = change.kind === 'answer' ? change.answer.clock.length : 0;
  return ROW_BYTES + key.length + idempotencyKey.length + entries * ENTRY_BYTES;
}
