/**
 * The logical clock of one actor: a hybrid clock in microseconds (Kulkarni et al., "Logical Physical Clocks", 2014),
 * with one deviation: it learns only from what storage nodes tell before a write, never from what it refuses.
 */
export class HybridClock {
  #last = 0;

  /**
   * Takes the next timestamp, which exceeds every one taken before and everything told.
   * @param nowUs the wall clock, microseconds
   * @param toldUs the greatest timestamp that the asked storage nodes ever stored, microseconds; 0 for none
   */
  next(nowUs: number, toldUs: number): number {
    this.#last = Math.max(Math.floor(nowUs), this.#last + 1, toldUs + 1);
    return this.#last;
  }
}

/** A coordinator whose clock is further than this off PostgreSQL's takes no writes. */
export const CLOCK_SKEW_MAX_MS = 5 * 60_000;

/** A storage node refuses dots that lie further than this beyond its own clock. */
export const FUTURE_DOT_MAX_MS = 60 * 60_000;
