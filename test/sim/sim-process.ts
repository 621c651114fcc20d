import type { Clock, Timer } from '../../src/ports/clock.js';
import type { VirtualClock } from '../support/virtual-clock.js';

/** One process of the virtual world: its own wall clock; it may be paused, and once killed nothing of it runs again. */
export class SimProcess implements Clock {
  readonly name: string;
  readonly #world: VirtualClock;
  #held: (() => void)[] | undefined;
  #alive = true;
  #jumped = false;
  /** Its wall clock's lead; changing it makes the clock jump. */
  skewMs = 0;

  constructor(name: string, world: VirtualClock) {
    this.name = name;
    this.#world = world;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#held !== undefined;
  }

  jumpClock(skewMs: number): void {
    this.skewMs = skewMs;
    this.#jumped ||= skewMs !== 0;
  }

  /** Whether its wall clock was ever wrong. */
  get jumped(): boolean {
    return this.#jumped;
  }

  /** Whole milliseconds, as systems tell them. */
  wallMs(): number {
    return Math.floor(this.#world.wallMs() + this.skewMs);
  }

  monotonicMs(): number {
    return this.#world.monotonicMs();
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#world.after(delayMs, callback, this);
  }

  nextTurn(callback: () => void): void {
    this.#world.after(0, callback, this);
  }

  /** Runs the callback in this process: now, when it goes on, or never. */
  run(callback: () => void): void {
    if (!this.#alive) return;
    if (this.#held === undefined) callback();
    else this.#held.push(callback);
  }

  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    // Each in a turn of its own, as the event loop of a process that was stopped finds them.
    for (const callback of held) this.#world.after(0, () => this.run(callback));
  }

  kill(): void {
    this.#alive = false;
    this.#held = undefined;
  }
}
