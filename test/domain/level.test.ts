import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askedAt, isLevel, LEVELS, type Level, majority, neededAt } from '../../src/domain/level.js';
import { LevelTally, nodesOf, type TallyOutcome } from '../../src/domain/level-tally.js';

const NODES = ['a', 'b', 'c', 'd', 'e', 'f'];
const level = fc.constantFrom(...LEVELS);
const set = fc.uniqueArray(fc.constantFrom(...NODES), { minLength: 1, maxLength: 6 });
const sets = fc.array(set, { minLength: 1, maxLength: 2 });
const events = fc.array(fc.record({ nodeId: fc.constantFrom(...NODES), ok: fc.boolean() }), { maxLength: 20 });

describe('levels', () => {
  it('need one, a majority or all of a replica set', () => {
    const table = [1, 2, 3, 4, 5, 10].map((size) => LEVELS.map((l) => neededAt(l, size)));
    expect(table).toEqual([
      [1, 1, 1],
      [1, 2, 2],
      [1, 2, 3],
      [1, 3, 4],
      [1, 3, 5],
      [1, 6, 10],
    ]);
    expect(LEVELS.map((l) => neededAt(l, 0))).toEqual([0, 1, 0]);
    expect(isLevel('quorum')).toBe(true);
    expect(isLevel('QUORUM')).toBe(false);
  });

  it('ask so many that every majority of an earlier write is met, one at level one', () => {
    for (let size = 1; size <= 10; size++) {
      expect(askedAt('one', size)).toBe(1);
      for (const l of ['quorum', 'all'] as const) expect(askedAt(l, size) + majority(size)).toBeGreaterThan(size);
    }
  });
});

/** Decides by trying every way in which the silent ones may still answer. */
function dumbOutcome(replicaSets: string[][], l: Level, acknowledged: Set<string>, failed: Set<string>): TallyOutcome {
  const reachedWith = (extra: (nodeId: string) => boolean) =>
    replicaSets.every(
      (s) => s.filter((nodeId) => acknowledged.has(nodeId) || extra(nodeId)).length >= neededAt(l, s.length),
    );
  if (reachedWith(() => false)) return 'reached';
  return reachedWith((nodeId) => !failed.has(nodeId)) ? 'pending' : 'unreachable';
}

describe('a tally', () => {
  it('agrees with a dumb one, in one set and in two, in whatever order answers and failures come', () => {
    fc.assert(
      fc.property(sets, level, events, (given, l, happened) => {
        const tally = new LevelTally(given, (size) => neededAt(l, size));
        const [acknowledged, failed] = [new Set<string>(), new Set<string>()];
        expect(tally.outcome).toBe('pending');
        for (const { nodeId, ok } of happened) {
          if (ok) {
            tally.acknowledge(nodeId);
            acknowledged.add(nodeId);
            failed.delete(nodeId);
          } else {
            tally.fail(nodeId);
            if (!acknowledged.has(nodeId)) failed.add(nodeId);
          }
          expect(tally.outcome).toBe(dumbOutcome(given, l, acknowledged, failed));
          expect(tally.missing === 0).toBe(tally.outcome === 'reached');
        }
      }),
    );
  });

  it('can never be reached in a set without members', () => {
    for (const l of LEVELS) expect(new LevelTally([[]], (size) => neededAt(l, size)).outcome).toBe('unreachable');
    expect(new LevelTally([['a'], []], () => 1).outcome).toBe('unreachable');
  });

  it('names every node of both sets once', () => {
    expect(
      nodesOf([
        ['a', 'b'],
        ['b', 'c'],
      ]),
    ).toEqual(['a', 'b', 'c']);
    expect(nodesOf([['a', 'b']])).toEqual(['a', 'b']);
  });
});
