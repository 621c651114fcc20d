import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import type { Random } from '../../ports/random.js';

export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  id: () => v7(),
  fraction: () => Math.random(),
};
