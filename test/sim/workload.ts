import type { SeededChoice } from './seeded-choice.js';

/** What the clients of one seed do. */
export interface Workload {
  readonly clients: number;
  readonly keys: readonly string[];
  /** How long clients think between two operations at most. */
  readonly thinkMaxMs: number;
  /** A request's deadline is one of these. */
  readonly timeoutsMs: readonly number[];
  /** The share of writes whose value is long. */
  readonly longValues: number;
}

export const KEYS: readonly string[] = ['x', 'y'];
/** Of a client that looks after the others have left: patient, and with short values. */
export const CHECKING: Workload = { clients: 1, keys: KEYS, thinkMaxMs: 0, timeoutsMs: [1500], longValues: 0 };
const LONG_VALUES = 0.05;
export const LONG_VALUE_BYTES_MIN = 64 * 1024;
export const LONG_VALUE_BYTES_MAX = 1024 * 1024;

/** Usually a few clients write and read two keys; at times a crowd one, and at times some values are long. */
export function drawWorkload(choice: SeededChoice): Workload {
  const crowded = choice.chance(0.2);
  return {
    clients: crowded ? 20 : 5,
    keys: crowded ? KEYS.slice(0, 1) : KEYS,
    thinkMaxMs: crowded ? 1 : choice.oneOf([2, 20, 60]),
    timeoutsMs: [100, 500, 1500, 1500],
    // Hashing them takes the time of all else: so a few, and in few seeds.
    longValues: choice.chance(LONG_VALUES) ? 0.15 : 0,
  };
}
