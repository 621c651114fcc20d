/** One actor's one timestamp: names a single write for ever. */
export interface Dot {
  /** `coordinatorId@incarnation`; never reissues a timestamp. */
  readonly actor: string;
  /** Microseconds of the actor's hybrid logical clock, below 2^53. */
  readonly timestamp: number;
}

/**
 * A vector clock: at most one dot per actor, the greatest by (timestamp, actor) first.
 * The order is part of the value, so equal clocks are equal element by element.
 */
export type Clock = readonly Dot[];

/** How many entries a clock keeps. Part of the record format: replicas with unequal caps would exchange records for ever. */
export const CLOCK_ENTRIES_MAX = 16;

export type ClockOrder = 'before' | 'after' | 'equal' | 'concurrent';

/** Total order of dots: by timestamp, then by actor (UTF-16 code units). Negative when `a` is the lesser. */
export function compareDots(a: Dot, b: Dot): number {
  if (a.timestamp !== b.timestamp) return a.timestamp - b.timestamp;
  return a.actor < b.actor ? -1 : a.actor > b.actor ? 1 : 0;
}

export function sameDot(a: Dot, b: Dot): boolean {
  return a.timestamp === b.timestamp && a.actor === b.actor;
}

/** The clock of the given dots: the greatest of each actor, capped. */
export function clockOf(dots: Iterable<Dot>): Clock {
  const greatest = new Map<string, Dot>();
  for (const dot of dots) {
    const known = greatest.get(dot.actor);
    if (known === undefined || known.timestamp < dot.timestamp) greatest.set(dot.actor, dot);
  }
  return [...greatest.values()].sort((a, b) => compareDots(b, a)).slice(0, CLOCK_ENTRIES_MAX);
}

/** Entry-wise maximum, capped: commutative, associative, idempotent. Returns `a` itself where `b` adds nothing. */
export function joinClocks(a: Clock, b: Clock): Clock {
  if (a === b || b.every((dot) => covers(a, dot))) return a;
  return clockOf([...a, ...b]);
}

/**
 * Whether joining the dot would leave the clock as it is: its actor's entry is no lesser, or the clock is full of
 * greater entries (the cap would drop it again).
 */
export function covers(clock: Clock, dot: Dot): boolean {
  for (const entry of clock) if (entry.actor === dot.actor) return entry.timestamp >= dot.timestamp;
  const least = clock[CLOCK_ENTRIES_MAX - 1];
  return least !== undefined && compareDots(dot, least) < 0;
}

/** The causal order of two clocks, capped entries counting as covered. */
export function compareClocks(a: Clock, b: Clock): ClockOrder {
  const aCoversB = b.every((dot) => covers(a, dot));
  const bCoversA = a.every((dot) => covers(b, dot));
  if (aCoversB && bCoversA) return 'equal';
  if (aCoversB) return 'after';
  return bCoversA ? 'before' : 'concurrent';
}

export function sameClock(a: Clock, b: Clock): boolean {
  return (
    a.length === b.length &&
    a.every((dot, i) => {
      const other = b[i];
      return other !== undefined && sameDot(dot, other);
    })
  );
}
