import { MetadataUnavailableError } from '../../domain/errors.js';

const ITEMS_MAX = 256;
/** Items that wait for a statement, some 3 KiB each at most: what a PostgreSQL that hangs makes a coordinator keep. */
export const WAITING_MAX = 4096;
/** How late an item that waits may learn that its time is over. */
const EXPIRY_EVERY_MS = 50;

interface Waiting<Item, Result> {
  readonly item: Item;
  /** A point of the monotonic clock. */
  readonly untilMs: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupOptions<Item, Result> {
  /** Items of the same name never share a statement. */
  readonly nameOf: (item: Item) => string;
  /** One result for each item, in order; ends by a deadline of its own. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Statements at once. While one is under way the next one gathers; with a second one no commit idles the connection. */
  readonly concurrentMax: number;
}

/**
 * Runs what many requests ask for as one statement: those of a turn of the event loop, and those that arrive while
 * earlier ones are under way. What waits is bounded in number and by each item's time.
 */
export class StatementGroup<Item, Result> {
  readonly #options: GroupOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #underWay = 0;
  #scheduled = false;
  #expiry: NodeJS.Timeout | undefined;

  constructor(options: GroupOptions<Item, Result>) {
    this.#options = options;
  }

  /**
   * @param withinMs an item that still waits for its statement then is dropped
   * @throws MetadataUnavailableError; not `sent` when the queue is full or the item was dropped
   */
  add(item: Item, withinMs: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= WAITING_MAX) return reject(notSent('too many statements wait for it'));
      this.#waiting.push({ item, untilMs: performance.now() + withinMs, resolve, reject });
      this.#schedule();
      this.#expiry ??= setTimeout(() => this.#expire(), EXPIRY_EVERY_MS).unref();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#underWay === this.#options.concurrentMax) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#runNext();
    });
  }

  async #runNext(): Promise<void> {
    const group = this.#take();
    if (group.length === 0) return;
    this.#underWay++;
    this.#schedule();
    try {
      const results = await this.#options.run(group.map(({ item }) => item));
      group.forEach(({ resolve, reject }, i) => {
        const result = results[i];
        if (result === undefined) reject(new Error('A grouped statement answered fewer items than it was given.'));
        else resolve(result);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      this.#underWay--;
      this.#schedule();
    }
  }

  #take(): Waiting<Item, Result>[] {
    const group = new Map<string, Waiting<Item, Result>>();
    const later: Waiting<Item, Result>[] = [];
    for (const waiting of this.#waiting) {
      const name = this.#options.nameOf(waiting.item);
      if (group.size < ITEMS_MAX && !group.has(name)) group.set(name, waiting);
      else later.push(waiting);
    }
    this.#waiting = later;
    return [...group.values()];
  }

  #expire(): void {
    const nowMs = performance.now();
    const over = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs);
    if (over.length > 0) this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs);
    for (const { reject } of over) reject(notSent('it did not take the statement in time'));
    this.#expiry = this.#waiting.length === 0 ? undefined : setTimeout(() => this.#expire(), EXPIRY_EVERY_MS).unref();
  }
}

function notSent(why: string): MetadataUnavailableError {
  return new MetadataUnavailableError(`the metadata store (PostgreSQL) is not available: ${why}`, { sent: false });
}
