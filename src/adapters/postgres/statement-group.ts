const ITEMS_MAX = 256;
/** While one statement is under way the next one gathers; a second connection keeps the first one's commit from idling it. */
const CONCURRENT_MAX = 2;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs what many requests ask for as one statement: those of a turn of the event loop, and those that arrive while
 * earlier ones are under way. Items of the same name never share a statement.
 */
export class StatementGroup<Item, Result> {
  readonly #nameOf: (item: Item) => string;
  readonly #run: (items: readonly Item[]) => Promise<readonly Result[]>;
  #waiting: Waiting<Item, Result>[] = [];
  #underWay = 0;
  #scheduled = false;

  /** @param run one result for each item, in order */
  constructor(nameOf: (item: Item) => string, run: (items: readonly Item[]) => Promise<readonly Result[]>) {
    this.#nameOf = nameOf;
    this.#run = run;
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#underWay === CONCURRENT_MAX) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#runNext();
    });
  }

  async #runNext(): Promise<void> {
    const group = this.#take();
    this.#underWay++;
    try {
      const results = await this.#run(group.map(({ item }) => item));
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

  /** Sorted by name, so that two groups never wait for each other's rows. */
  #take(): Waiting<Item, Result>[] {
    const group = new Map<string, Waiting<Item, Result>>();
    const later: Waiting<Item, Result>[] = [];
    for (const waiting of this.#waiting) {
      const name = this.#nameOf(waiting.item);
      if (group.size < ITEMS_MAX && !group.has(name)) group.set(name, waiting);
      else later.push(waiting);
    }
    this.#waiting = later;
    return [...group].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, waiting]) => waiting);
  }
}
