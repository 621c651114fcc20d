import type { Clock, Timer } from '../../src/ports/clock.js';

/** Whoever a callback belongs to: runs it now, later, or never. */
export interface Runner {
  run(callback: () => void): void;
}

/** Something that is due, and the handle that cancels it. */
class Due implements Timer {
  readonly #onCancel: () => void;
  #fired = false;
  readonly atMs: number;
  readonly order: number;
  readonly runner: Runner | undefined;
  callback: (() => void) | undefined;

  constructor(atMs: number, order: number, callback: () => void, runner: Runner | undefined, onCancel: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.callback = callback;
    this.runner = runner;
    this.#onCancel = onCancel;
  }

  cancel(): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    if (!this.#fired) this.#onCancel();
  }

  /** Once, unless it was cancelled, also while its runner held it back. */
  fire(): void {
    this.#fired = true;
    const { runner } = this;
    if (runner === undefined) this.#call();
    else runner.run(() => this.#call());
  }

  #call(): void {
    const { callback } = this;
    this.callback = undefined;
    callback?.();
  }
}

/** Real turns of the event loop are taken now and then, so that a long run starves nobody else in the process. */
const STEPS_PER_TURN = 5000;
const RESOLVED = Promise.resolve();

/** A clock that stands still until it is advanced; turns and timers run in their order, all microtasks between them. */
export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #order = 0;
  #live = 0;
  #asked = 0;
  /** How often it was asked for the time in one step at most: something spins where that is more than a few times. */
  mostAsked = 0;
  readonly #onCancel = () => void this.#live--;
  /** A binary heap: the earliest first, in order of scheduling among equals. */
  readonly #heap: Due[] = [];
  /** What is due at this very moment, in order: most of it never needs the heap. */
  #now: Due[] = [];
  #nowTaken = 0;
  /** The wall clock's lead over the monotonic one; set it to make the wall clock jump. */
  wallOffsetMs = Date.UTC(2026, 0, 1);

  wallMs(): number {
    return this.wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    this.mostAsked = Math.max(this.mostAsked, ++this.#asked);
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void, runner?: Runner): Timer {
    const due = new Due(this.#monotonicMs + Math.max(0, delayMs), this.#order++, callback, runner, this.#onCancel);
    this.#live++;
    if (delayMs <= 0) this.#now.push(due);
    else this.#push(due);
    return due;
  }

  nextTurn(callback: () => void): void {
    this.after(0, callback);
  }

  /** What is scheduled and not cancelled. */
  get pending(): number {
    return this.#live;
  }

  /** Runs everything that falls due within `durationMs`. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#monotonicMs + durationMs;
    await this.#run(untilMs, () => false);
    this.#monotonicMs = untilMs;
  }

  /** Runs until the promise settles, for at most `withinMs` of virtual time. */
  async settle<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await this.#run(this.#monotonicMs + withinMs, () => settled);
    if (!settled) throw new Error(`nothing settled the promise within ${withinMs} virtual ms`);
    return promise;
  }

  #run(untilMs: number, over: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let steps = 0;
      const step = () => {
        try {
          const next = over() ? undefined : this.#pop(untilMs);
          if (next === undefined) return resolve();
          this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs);
          this.#live--;
          this.#asked = 0;
          next.fire();
        } catch (error) {
          return reject(error);
        }
        hop();
      };
      // A tick that is queued by a microtask runs when no microtask is left.
      const tick = () => process.nextTick(step);
      const hop = () => {
        if (++steps % STEPS_PER_TURN === 0) setImmediate(hop);
        else void RESOLVED.then(tick);
      };
      hop();
    });
  }

  /** The earliest that is due and not cancelled. */
  #pop(untilMs: number): Due | undefined {
    for (;;) {
      const first = this.#heap[0];
      const soon = this.#now[this.#nowTaken];
      if (soon !== undefined && (first === undefined || precedes(soon, first))) {
        if (++this.#nowTaken === this.#now.length) {
          this.#now = [];
          this.#nowTaken = 0;
        }
        if (soon.callback !== undefined) return soon;
        continue;
      }
      if (first === undefined || first.atMs > untilMs) return undefined;
      const last = this.#heap.pop();
      if (last !== undefined && last !== first) this.#sink(last);
      if (first.callback !== undefined) return first;
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !precedes(due, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #sink(due: Due): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && precedes(right, left)) child++;
      const least = heap[child];
      if (least === undefined || !precedes(least, due)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = due;
  }
}

function precedes(a: Due, b: Due): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}
