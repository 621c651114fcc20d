import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDots, type Dot, sameDot } from '../../src/domain/clock.js';
import { LEVELS, neededAt } from '../../src/domain/level.js';
import { nodesOf } from '../../src/domain/level-tally.js';
import { ReadTally } from '../../src/domain/read-tally.js';
import { mergeRecords, recordOf, type VersionedRecord } from '../../src/domain/record.js';

const V1 = recordOf({ actor: 'x@1', timestamp: 1 }, Buffer.from('1'));
const V2 = recordOf({ actor: 'x@1', timestamp: 2 }, Buffer.from('2'));
const V3 = recordOf({ actor: 'y@1', timestamp: 3 }, Buffer.from('3'));
const head = (record: VersionedRecord) => ({ kind: 'head', clock: record.clock }) as const;
const whole = (record: VersionedRecord) => ({ kind: 'record', record }) as const;
const fetch = (record: VersionedRecord, ...nodeIds: string[]) => ({ kind: 'fetch', dot: record.version.dot, nodeIds });
const ABSENT = { kind: 'absent' } as const;

describe('a read at quorum of three', () => {
  const tally = () => new ReadTally([['a', 'b', 'c']], 'quorum');

  it('is pending until a majority answered, and unreachable once two failed', () => {
    const t = tally();
    t.answer('a', whole(V1));
    expect(t.step.kind).toBe('pending');
    t.fail('b');
    expect(t.step.kind).toBe('pending');
    t.fail('c');
    expect(t.step.kind).toBe('unreachable');
  });

  it('finds what a majority holds', () => {
    const t = tally();
    t.answer('a', whole(V1));
    t.answer('b', head(V1));
    expect(t.step).toEqual({ kind: 'found', record: V1 });
    expect(t.behind).toEqual([]);
  });

  it('is absent only where the majority lacks the key', () => {
    const t = tally();
    t.answer('a', ABSENT);
    t.answer('b', ABSENT);
    expect(t.step.kind).toBe('absent');
  });

  it('writes the winner back to those that lack it before it answers', () => {
    const t = tally();
    t.answer('a', whole(V2));
    t.answer('b', ABSENT);
    expect(t.step).toEqual({ kind: 'write_back', record: V2, lacking: ['b', 'c'] });
    t.failWriteBack('b');
    expect(t.step).toEqual({ kind: 'write_back', record: V2, lacking: ['c'] });
    t.acknowledgeWriteBack('c', V2.clock);
    expect(t.step).toEqual({ kind: 'found', record: V2 });
    expect(t.behind).toEqual(['b']);
  });

  it('is unreachable when the write-back can not reach a majority', () => {
    const t = tally();
    t.answer('a', whole(V2));
    t.answer('b', ABSENT);
    t.failWriteBack('b');
    t.failWriteBack('c');
    expect(t.step.kind).toBe('unreachable');
  });

  it('fetches the value of a winner of which only heads are known, from another holder when one fails', () => {
    const t = tally();
    t.answer('a', whole(V1));
    t.answer('b', head(V2));
    expect(t.step).toEqual(fetch(V2, 'b', 'c'));
    t.answer('c', head(V2));
    t.failFetch('b', V2.version.dot);
    expect(t.step).toEqual(fetch(V2, 'c'));
    t.answer('c', whole(V2));
    expect(t.step).toEqual({ kind: 'found', record: mergeRecords(V1, V2) });
  });

  it('fetches from a replica that was not asked yet when the only known holder fails', () => {
    const t = tally();
    t.answer('a', whole(V1));
    t.answer('b', head(V2));
    t.failFetch('b', V2.version.dot);
    expect(t.step).toEqual(fetch(V2, 'c'));
    t.answer('c', whole(V2));
    expect(t.step).toEqual({ kind: 'found', record: mergeRecords(V1, V2) });
  });

  it('leaves a holder out that died with its value, once the two others have answered', () => {
    const t = tally();
    t.answer('a', whole(V1));
    t.answer('b', head(V2));
    t.failFetch('b', V2.version.dot);
    t.answer('c', whole(V1));
    t.failFetch('c', V2.version.dot);
    expect(t.step).toEqual(fetch(V1, 'a', 'c'));
    t.answer('a', whole(V1));
    expect(t.step).toEqual({ kind: 'found', record: V1 });
    t.answer('b', whole(V2));
    t.acknowledgeWriteBack('b', V2.clock);
    expect(t.step).toEqual({ kind: 'found', record: V1 });
  });

  it('is absent, or unreachable, where the holder that died was the only one with a version', () => {
    const absent = tally();
    absent.answer('a', ABSENT);
    absent.answer('b', head(V2));
    absent.failFetch('b', V2.version.dot);
    expect(absent.step).toEqual(fetch(V2, 'c'));
    absent.answer('c', ABSENT);
    absent.failFetch('c', V2.version.dot);
    expect(absent.step.kind).toBe('absent');
    const t = tally();
    t.answer('a', ABSENT);
    t.answer('b', head(V2));
    t.failFetch('b', V2.version.dot);
    t.fail('c');
    expect(t.step).toEqual({ kind: 'unreachable', lacking: 'answers' });
  });

  it('does not hold it against a node that it did not give the value of a version that is no winner any more', () => {
    const t = tally();
    t.answer('a', head(V1));
    t.answer('b', head(V2));
    t.failFetch('a', V1.version.dot);
    t.answer('a', head(V2));
    t.failFetch('b', V2.version.dot);
    expect(t.step).toEqual(fetch(V2, 'a', 'c'));
  });

  it('goes on with the newer version that a write-back met', () => {
    const t = tally();
    t.answer('a', whole(V1));
    t.answer('b', ABSENT);
    t.acknowledgeWriteBack('b', V3.clock);
    expect(t.step).toEqual(fetch(V3, 'b', 'c'));
    t.answer('b', whole(V3));
    expect(t.step).toMatchObject({ kind: 'write_back', record: { version: V3.version }, lacking: ['a', 'c'] });
    t.acknowledgeWriteBack('a', mergeRecords(V1, V3).clock);
    expect(t.step).toMatchObject({ kind: 'found', record: mergeRecords(V1, V3) });
  });
});

it('never answers with a version that the level lacks in some set, nor with one below what an answer told', () => {
  const nodes = ['a', 'b', 'c', 'd'];
  const records = [V1, V2, V3];
  const sets = fc.constantFrom(
    [['a', 'b', 'c']],
    [['a']],
    [
      ['a', 'b', 'c'],
      ['b', 'c', 'd'],
    ],
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  );
  const event = fc.record({
    nodeId: fc.constantFrom(...nodes),
    what: fc.constantFrom('record', 'head', 'absent', 'fail', 'back', 'backFail', 'fetchFail'),
    version: fc.nat({ max: 2 }),
  });
  fc.assert(
    fc.property(sets, fc.constantFrom(...LEVELS), fc.array(event, { maxLength: 30 }), (given, level, events) => {
      const t = new ReadTally(given, level);
      const holds = new Map<string, Dot>();
      const told = new Set<string>();
      // Nodes that did not give a value may be left out.
      const mute = new Set<string>();
      const heard = () => [...holds].filter(([nodeId]) => !mute.has(nodeId)).map(([, dot]) => dot);
      const learn = (nodeId: string, { version }: VersionedRecord) => {
        const known = holds.get(nodeId);
        if (known === undefined || compareDots(known, version.dot) < 0) holds.set(nodeId, version.dot);
      };
      for (const { nodeId, what, version } of events) {
        const record = records[version] ?? V1;
        if (what === 'record' || what === 'head') {
          t.answer(nodeId, what === 'record' ? whole(record) : head(record));
          learn(nodeId, record);
          told.add(nodeId);
        } else if (what === 'absent') {
          t.answer(nodeId, ABSENT);
          told.add(nodeId);
        } else if (what === 'back') {
          t.acknowledgeWriteBack(nodeId, record.clock);
          learn(nodeId, record);
        } else if (what === 'fail') t.fail(nodeId);
        else if (what === 'backFail') t.failWriteBack(nodeId);
        else {
          const { step } = t;
          if (step.kind === 'fetch') t.failFetch(nodeId, step.dot);
          mute.add(nodeId);
        }
        const { step } = t;
        if (step.kind === 'absent') expect(heard()).toEqual([]);
        if (step.kind === 'fetch') expect(step.nodeIds.length).toBeGreaterThan(0);
        if (step.kind === 'write_back') {
          expect(step.lacking.length).toBeGreaterThan(0);
          expect(nodesOf(given)).toEqual(expect.arrayContaining([...step.lacking]));
        }
        if (step.kind !== 'found') continue;
        const { dot } = step.record.version;
        for (const known of heard()) expect(compareDots(known, dot)).toBeLessThanOrEqual(0);
        for (const set of given) {
          const holders = set.filter((id) => {
            const d = holds.get(id);
            return d !== undefined && sameDot(d, dot);
          });
          expect(holders.length).toBeGreaterThanOrEqual(neededAt(level, set.length));
          expect(set.filter((id) => told.has(id)).length).toBeGreaterThanOrEqual(neededAt(level, set.length));
        }
      }
    }),
  );
});
