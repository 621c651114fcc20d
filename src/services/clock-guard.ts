import { QuorateError } from '../domain/errors.js';
import { CLOCK_SKEW_MAX_MS } from '../domain/hybrid-clock.js';
import type { Clock } from '../ports/clock.js';

/** Both clocks of this process at one moment, and what the wall clock was off the store's then. */
interface Comparison {
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly skewMs: number;
}

/**
 * Keeps a coordinator whose clock is far off the metadata store's from taking writes. Between two comparisons, and while the
 * store is away, the monotonic clock tells whether the wall clock was moved, so that a step is noticed at once.
 */
export class ClockGuard {
  readonly #clock: Clock;
  #last: Comparison | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param skewMs this coordinator's wall clock minus the store's, now */
  compared(skewMs: number): void {
    const { wallMs, monotonicMs } = this.#now();
    this.#last = { wallMs, monotonicMs, skewMs };
  }

  /** The wall clock minus the store's, as far as is known: 0 before the first comparison. */
  get skewMs(): number {
    if (this.#last === undefined) return 0;
    const { wallMs, monotonicMs } = this.#now();
    return this.#last.skewMs + (wallMs - this.#last.wallMs) - (monotonicMs - this.#last.monotonicMs);
  }

  /** Why no writes are taken; undefined when they are. */
  get refusal(): string | undefined {
    const { skewMs } = this;
    if (Math.abs(skewMs) <= CLOCK_SKEW_MAX_MS) return undefined;
    const direction = skewMs > 0 ? 'ahead of' : 'behind';
    return (
      `this coordinator's clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${direction} PostgreSQL's, ` +
      `more than ${CLOCK_SKEW_MAX_MS / 1000} s: it takes no writes until the clocks agree`
    );
  }

  /** @throws QuorateError clock_refused */
  check(): void {
    const { refusal } = this;
    if (refusal !== undefined) throw new QuorateError('clock_refused', refusal);
  }

  #now(): { readonly wallMs: number; readonly monotonicMs: number } {
    return { wallMs: this.#clock.wallMs(), monotonicMs: this.#clock.monotonicMs() };
  }
}
