import { QuorateError } from '../domain/errors.js';
import { CLOCK_SKEW_MAX_MS } from '../domain/hybrid-clock.js';

/**
 * Keeps a coordinator whose clock is far off the metadata store's from taking writes: its dots would drag every other
 * clock along. The last comparison counts while the store is away.
 */
export class ClockGuard {
  #skewMs = 0;

  /** @param skewMs this coordinator's wall clock minus the store's */
  compared(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  /** Why no writes are taken; undefined when they are. */
  get refusal(): string | undefined {
    if (Math.abs(this.#skewMs) <= CLOCK_SKEW_MAX_MS) return undefined;
    const direction = this.#skewMs > 0 ? 'ahead of' : 'behind';
    return (
      `this coordinator's clock is ${Math.round(Math.abs(this.#skewMs) / 1000)} s ${direction} PostgreSQL's, ` +
      `more than ${CLOCK_SKEW_MAX_MS / 1000} s: it takes no writes until the clocks agree`
    );
  }

  /** @throws QuorateError clock_refused */
  check(): void {
    const { refusal } = this;
    if (refusal !== undefined) throw new QuorateError('clock_refused', refusal);
  }
}
