import { validate, version } from 'uuid';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/adapters/system/system-random.js';
import { seededRandom } from '../support/seeded-random.js';

describe.each([
  ['of the system', systemRandom],
  ['of a seed', seededRandom(1)],
])('randomness %s', (_name, random) => {
  it('gives as many bytes as asked for, other ones each time', () => {
    expect(random.bytes(0)).toHaveLength(0);
    const [a, b] = [random.bytes(32), random.bytes(32)];
    expect(a).toHaveLength(32);
    expect(Buffer.compare(a, b)).not.toBe(0);
  });

  it('gives ids that are UUIDs of version 7, no two alike', () => {
    const ids = Array.from({ length: 1000 }, () => random.id());
    expect(new Set(ids).size).toBe(1000);
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  });

  it('gives fractions over all of 0 to 1, without 1', () => {
    const fractions = Array.from({ length: 10_000 }, () => random.fraction());
    expect(Math.min(...fractions)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...fractions)).toBeLessThan(1);
    expect(fractions.filter((fraction) => fraction < 0.5).length / 10_000).toBeCloseTo(0.5, 1);
  });
});

it('gives the same for the same seed', () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return [random.id(), random.fraction(), Buffer.from(random.bytes(8)).toString('hex')];
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});
