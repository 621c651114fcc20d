import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CLOCK_ENTRIES_MAX,
  type Clock,
  clockOf,
  compareClocks,
  compareDots,
  covers,
  type Dot,
  joinClocks,
  sameClock,
} from '../../src/domain/clock.js';
import { mergeRecords, recordOf, sameRecord, type VersionedRecord } from '../../src/domain/record.js';

/** Few actors and timestamps, so that ties, covering and capping all occur. */
const dot: fc.Arbitrary<Dot> = fc.record({
  actor: fc.integer({ min: 0, max: 25 }).map((i) => `c${i}@1`),
  timestamp: fc.integer({ min: 1, max: 40 }),
});
const clock = fc.array(dot, { maxLength: 24 }).map(clockOf);
/** As they arise: single writes, merged in any order. A value is determined by its dot. */
const write = dot.map((d) => recordOf(d, d.timestamp % 5 === 0 ? null : Buffer.from(`${d.actor} ${d.timestamp}`)));
const record = fc.array(write, { minLength: 1, maxLength: 24 }).map((writes) => writes.reduce(mergeRecords));

/** The definition without shortcuts: the greatest of each actor, then the 16 greatest. */
function dumbJoin(a: Clock, b: Clock): Clock {
  const all = [...a, ...b];
  const greatest = all.filter((d) => !all.some((other) => other.actor === d.actor && other.timestamp > d.timestamp));
  const distinct = greatest.filter((d, i) => greatest.findIndex((other) => compareDots(d, other) === 0) === i);
  return distinct.sort((x, y) => compareDots(y, x)).slice(0, CLOCK_ENTRIES_MAX);
}

describe('clocks', () => {
  it('join entry by entry, commutatively, associatively and idempotently, keeping the 16 greatest', () => {
    fc.assert(
      fc.property(clock, clock, clock, (a, b, c) => {
        expect(joinClocks(a, b)).toEqual(dumbJoin(a, b));
        expect(joinClocks(a, b)).toEqual(joinClocks(b, a));
        expect(joinClocks(joinClocks(a, b), c)).toEqual(joinClocks(a, joinClocks(b, c)));
        expect(joinClocks(a, a)).toBe(a);
        expect(joinClocks(a, b).length).toBeLessThanOrEqual(CLOCK_ENTRIES_MAX);
      }),
    );
  });

  it('cover exactly the dots that leave them as they are', () => {
    fc.assert(
      fc.property(clock, dot, (a, d) => {
        expect(covers(a, d)).toBe(sameClock(dumbJoin(a, [d]), a));
      }),
    );
  });

  it('compare as before, after, equal or concurrent', () => {
    const [a, b] = [
      { actor: 'a@1', timestamp: 5 },
      { actor: 'b@1', timestamp: 5 },
    ];
    expect(compareClocks([a], [b, a])).toBe('before');
    expect(compareClocks([b, a], [a])).toBe('after');
    expect(compareClocks([a], [b])).toBe('concurrent');
    expect(compareClocks([b, a], [b, a])).toBe('equal');
    fc.assert(
      fc.property(clock, clock, (x, y) => {
        const inverse = { before: 'after', after: 'before', equal: 'equal', concurrent: 'concurrent' } as const;
        expect(compareClocks(y, x)).toBe(inverse[compareClocks(x, y)]);
        expect(['after', 'equal']).toContain(compareClocks(joinClocks(x, y), x));
      }),
    );
  });
});

describe('the merge of records', () => {
  it('is commutative, associative, idempotent and absorbing', () => {
    const same = (a: VersionedRecord, b: VersionedRecord) => expect(sameRecord(a, b)).toBe(true);
    fc.assert(
      fc.property(record, record, record, (a, b, c) => {
        same(mergeRecords(a, b), mergeRecords(b, a));
        same(mergeRecords(mergeRecords(a, b), c), mergeRecords(a, mergeRecords(b, c)));
        expect(mergeRecords(a, a)).toBe(a);
        const merged = mergeRecords(a, b);
        expect(mergeRecords(merged, b)).toBe(merged);
      }),
    );
  });

  it("keeps the version of the greatest dot, which is always its clock's first entry, also a tombstone's", () => {
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 30 }), (writes) => {
        const merged = writes.reduce(mergeRecords);
        const greatest = writes.map(({ version }) => version).sort((a, b) => compareDots(b.dot, a.dot))[0];
        expect(merged.version).toEqual(greatest);
        expect(merged.clock[0]).toEqual(merged.version.dot);
      }),
    );
  });
});
