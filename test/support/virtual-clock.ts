import type { Clock, Timer } from '../../src/ports/clock.js';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is advanced; turns and timers run in their order, microtasks between them. */
export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #order = 0;
  readonly #due = new Set<Due>();
  /** The wall clock's lead over the monotonic one; set it to make the wall clock jump. */
  wallOffsetMs = Date.UTC(2026, 0, 1);

  wallMs(): number {
    return this.wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const due: Due = { atMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#due.add(due);
    return { cancel: () => void this.#due.delete(due) };
  }

  nextTurn(callback: () => void): void {
    this.after(0, callback);
  }

  /** Runs everything that falls due within `durationMs`. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#monotonicMs + durationMs;
    for (let next = await this.#next(untilMs); next !== undefined; next = await this.#next(untilMs)) {
      this.#due.delete(next);
      this.#monotonicMs = next.atMs;
      next.callback();
    }
    this.#monotonicMs = untilMs;
  }

  /** Runs until the promise settles, for at most `withinMs` of virtual time. */
  async settle<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    const untilMs = this.#monotonicMs + withinMs;
    for (let next = await this.#next(untilMs); !settled; next = await this.#next(untilMs)) {
      if (next === undefined) throw new Error(`nothing settled the promise within ${withinMs} virtual ms`);
      this.#due.delete(next);
      this.#monotonicMs = next.atMs;
      next.callback();
    }
    return promise;
  }

  async #next(untilMs: number): Promise<Due | undefined> {
    await drainMicrotasks();
    let next: Due | undefined;
    for (const due of this.#due) {
      if (due.atMs > untilMs) continue;
      if (next === undefined || due.atMs < next.atMs || (due.atMs === next.atMs && due.order < next.order)) next = due;
    }
    return next;
  }
}

/** A real turn of the event loop: every microtask that was queued, and those they queued, have run. */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
