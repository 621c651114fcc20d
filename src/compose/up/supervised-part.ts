import { setTimeout as delay } from 'node:timers/promises';

const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** A part that ran this long starts over with the least backoff. */
const STABLE_MS = 30_000;

/** A part's process, once it is ready. */
export interface RunningPart {
  /** Resolves with what ended it, whatever that was. */
  readonly exited: Promise<string>;
  /** Ends it in order; resolves when it is gone. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

/** Keeps one part running: when it dies it is started again with backoff, and one line says so. */
export class SupervisedPart<Part extends RunningPart> {
  readonly name: string;
  readonly #start: () => Promise<Part>;
  readonly #print: (line: string) => void;
  readonly #stop = new AbortController();
  #part: Part | undefined;
  #watching: Promise<void> | undefined;

  constructor(name: string, start: () => Promise<Part>, print: (line: string) => void) {
    this.name = name;
    this.#start = start;
    this.#print = print;
  }

  /** Starts it for the first time. @throws whatever keeps it from starting */
  async start(): Promise<Part> {
    const part = await this.#start();
    this.#part = part;
    this.#watching = this.#watch(part);
    return part;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#part?.stop();
    await this.#watching;
  }

  kill(): void {
    this.#stop.abort();
    this.#part?.kill();
  }

  async #watch(first: Part): Promise<void> {
    let part: Part | undefined = first;
    for (let failures = 0; !this.#stop.signal.aborted; failures++) {
      const startedAtMs = Date.now();
      let reason = 'could not be started';
      if (part !== undefined) reason = await part.exited;
      if (this.#stop.signal.aborted) return;
      if (Date.now() - startedAtMs > STABLE_MS) failures = 0;
      this.#print(`${this.name} ended (${reason}); starting it again`);
      part = await this.#startAgain(failures);
      this.#part = part ?? this.#part;
      // Stopped while it started: whoever stops has waited for its predecessor only.
      if (this.#stop.signal.aborted) await part?.stop();
    }
  }

  async #startAgain(failures: number): Promise<Part | undefined> {
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures) * (0.5 + Math.random() / 2);
    try {
      await delay(backoffMs, undefined, { signal: this.#stop.signal });
      return await this.#start();
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#print(`${this.name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}
