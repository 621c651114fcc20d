import type { WriteAnswer } from '../../domain/idempotency.js';
import { LEVELS } from '../../domain/level.js';
import { decodeClock, encodeClock } from '../../wire/record-format.js';

const FORMAT = 1;

/** Format byte, level, replica count, clock. */
export function encodeWriteAnswer({ clock, replicaCount, level }: WriteAnswer): Buffer {
  return Buffer.concat([Buffer.of(FORMAT, LEVELS.indexOf(level), replicaCount), encodeClock(clock)]);
}

/** @throws Error for bytes that no release up to this one wrote */
export function decodeWriteAnswer(bytes: Uint8Array): WriteAnswer {
  const [format, levelIndex, replicaCount] = bytes;
  const level = LEVELS[levelIndex ?? -1];
  const clock = decodeClock(bytes.subarray(3));
  if (format !== FORMAT || level === undefined || replicaCount === undefined || clock === undefined) {
    throw new Error(`An idempotency record holds an answer of format ${format}, this release reads ${FORMAT}.`);
  }
  return { clock, replicaCount, level };
}
