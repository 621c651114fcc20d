/** How many replicas of a key's own set must take part: 1, a majority, or every one. Hints never count. */
export type Level = 'one' | 'quorum' | 'all';

export const LEVELS: readonly Level[] = ['one', 'quorum', 'all'];

export function isLevel(text: string): text is Level {
  return (LEVELS as readonly string[]).includes(text);
}

export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** Acknowledgements that a level needs in a replica set of the given size. */
export function neededAt(level: Level, size: number): number {
  switch (level) {
    case 'one':
      return Math.min(1, size);
    case 'quorum':
      return majority(size);
    case 'all':
      return size;
  }
}

/**
 * Replicas that a write must ask before it takes its dot: one at level one, else a majority, which meets every
 * quorum that acknowledged an earlier write.
 */
export function askedAt(level: Level, size: number): number {
  return level === 'one' ? Math.min(1, size) : majority(size);
}
