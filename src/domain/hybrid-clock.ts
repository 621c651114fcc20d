import type { Dot } from './clock.js';

/**
 * How far ahead of a coordinator's clock a timestamp may lie and still be followed as it is. A coordinator whose own clock
 * is further than this off PostgreSQL's takes no writes.
 */
export const CLOCK_SKEW_MAX_MS = 5 * 60_000;

/** A storage node refuses dots that lie further than this beyond its own clock, */
export const FUTURE_DOT_MAX_MS = 60 * 60_000;

/** unless they lie within this of the greatest timestamp that it stored, or of the version that they follow. */
export const FOLLOWED_DOT_MAX_MS = 60_000;

/** Lanes for timestamps far ahead; where none fits, the one furthest ahead is given up for a new one. */
const FAR_LANES_MAX = 8;

const SKEW_MAX_US = CLOCK_SKEW_MAX_MS * 1000;

/** A sequence of rising timestamps under a name of its own. */
interface Lane {
  readonly actor: string;
  last: number;
}

/**
 * The logical clock of one coordinator's start: a hybrid clock in microseconds (Kulkarni et al., "Logical Physical Clocks",
 * 2014). No dot is given twice, and each exceeds what was told before it; but one key far ahead carries nothing else along.
 * So what is told from beyond the clock is followed in a lane of its own, and a clock that was ahead and is set right goes on
 * in a new lane: each lane is an actor, `coordinatorId@incarnation` first, then with ".1", ".2" and so on.
 */
export class HybridClock {
  readonly #actor: string;
  #near: Lane;
  readonly #far: Lane[] = [];
  #lanes = 0;

  /** @param actor `coordinatorId@incarnation` */
  constructor(actor: string) {
    this.#actor = actor;
    this.#near = { actor, last: 0 };
  }

  /**
   * Takes the next dot.
   * @param nowUs the wall clock, microseconds
   * @param toldUs the greatest timestamp that the dot must exceed, microseconds; 0 for none
   */
  next(nowUs: number, toldUs: number): Dot {
    if (isFarAhead(toldUs, nowUs)) return take(this.#farLane(toldUs), toldUs + 1);
    if (isFarAhead(this.#near.last, nowUs)) this.#near = this.#newLane();
    return take(this.#near, Math.max(Math.floor(nowUs), this.#near.last + 1, toldUs + 1));
  }

  /** The lane that is furthest ahead and yet not beyond what was told. */
  #farLane(toldUs: number): Lane {
    const far = this.#far;
    const fitting = far.findLast(({ last }) => last <= toldUs);
    if (fitting !== undefined) return fitting;
    if (far.length === FAR_LANES_MAX) far.pop();
    const lane = this.#newLane();
    far.unshift(lane);
    return lane;
  }

  #newLane(): Lane {
    return { actor: `${this.#actor}.${++this.#lanes}`, last: 0 };
  }
}

function take(lane: Lane, timestamp: number): Dot {
  lane.last = timestamp;
  return { actor: lane.actor, timestamp };
}

/** Whether a timestamp lies further ahead of a clock than clocks that agree may differ; both in microseconds. */
export function isFarAhead(timestampUs: number, nowUs: number): boolean {
  return timestampUs >= nowUs + SKEW_MAX_US;
}

/** The greatest timestamp that a storage node takes, microseconds. */
export function acceptedUntilUs(wallMs: number, greatestTimestampUs: number): number {
  return Math.max((wallMs + FUTURE_DOT_MAX_MS) * 1000, greatestTimestampUs + FOLLOWED_DOT_MAX_MS * 1000);
}
