import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { someRangeHasMajority } from '../../src/domain/availability.js';
import { majority } from '../../src/domain/level.js';
import { buildRing, replicaSet } from '../../src/domain/ring.js';

const ringOf = (count: number, virtualNodes = 20) =>
  buildRing(Array.from({ length: count }, (_, i) => ({ nodeId: `n${i}`, virtualNodes, zone: '' })));

describe('whether some range has a majority of its replicas up', () => {
  it.each([
    [3, 3, 3, true],
    [3, 3, 2, true],
    [3, 3, 1, false],
    [3, 1, 1, true],
    [3, 1, 0, false],
    [2, 3, 1, false],
    [1, 3, 1, true],
    [0, 3, 0, false],
  ])('of %i nodes at replication factor %i with %i up: %s', (nodes, replicationFactor, upCount, expected) => {
    const up = new Set(Array.from({ length: upCount }, (_, i) => `n${i}`));
    expect(someRangeHasMajority(ringOf(nodes), replicationFactor, (nodeId) => up.has(nodeId))).toBe(expected);
  });

  it('agrees with looking at the ranges of many keys', () => {
    const ring = ringOf(8);
    const keys = Array.from({ length: 3000 }, (_, i) => (BigInt(i) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn);
    fc.assert(
      fc.property(
        fc.subarray(ring.members.map(({ nodeId }) => nodeId)),
        fc.integer({ min: 1, max: 5 }),
        (up, factor) => {
          const hasMajority = (token: bigint) =>
            replicaSet(ring, token, factor).filter((nodeId) => up.includes(nodeId)).length >= majority(factor);
          expect(someRangeHasMajority(ring, factor, (nodeId) => up.includes(nodeId))).toBe(keys.some(hasMajority));
        },
      ),
      { numRuns: 100 },
    );
  });
});
