import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clockOf } from '../../src/domain/clock.js';
import { mergeRecords, recordOf } from '../../src/domain/record.js';
import { decodeClock, decodeRecord, encodeClock, encodeHead, encodeRecord } from '../../src/wire/record-format.js';

const dot = fc.record({
  actor: fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme-ascii' }),
  timestamp: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
});
const value = fc.option(fc.uint8Array({ maxLength: 200 }));
const record = fc
  .array(fc.tuple(dot, value), { minLength: 1, maxLength: 20 })
  .map((writes) => writes.map(([d, v]) => recordOf(d, v)).reduce(mergeRecords));
const plain = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'));

describe('the record format', () => {
  it('gives back every record, value or tombstone, and its head', () => {
    fc.assert(
      fc.property(record, (given) => {
        const decoded = decodeRecord(encodeRecord(given));
        expect(decoded.kind).toBe('record');
        if (decoded.kind !== 'record') return;
        expect(decoded.record.clock).toEqual(given.clock);
        expect(decoded.record.version.dot).toEqual(given.version.dot);
        expect(plain(decoded.record.version.value)).toBe(plain(given.version.value));
        const head = decodeRecord(encodeHead(given));
        if (given.version.value === null)
          expect(head).toMatchObject({ kind: 'record', record: { version: { value: null } } });
        else expect(head).toEqual({ kind: 'head', clock: given.clock });
      }),
    );
  });

  it('begins with its format byte, and says which it reads when it meets another', () => {
    const bytes = encodeRecord(recordOf({ actor: 'c@1', timestamp: 5 }, Buffer.from('v')));
    expect(bytes[0]).toBe(1);
    bytes[0] = 2;
    expect(decodeRecord(bytes)).toEqual({
      kind: 'corrupt',
      reason: 'the record is unusable: its format is 2, this release reads 1',
    });
  });

  it('stays as it is: these bytes were written by release 1', () => {
    const given = mergeRecords(
      recordOf({ actor: 'a@1', timestamp: 1 }, null),
      recordOf({ actor: 'b@2', timestamp: 2 ** 40 }, Buffer.from('hi')),
    );
    expect(Buffer.from(encodeRecord(given)).toString('hex')).toBe(
      '017fed511101020000010000000000036240320000000000000001036140316869',
    );
  });

  it('is corrupt, never absent and never another record, when any byte is flipped, lost or added', () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, where, flip) => {
        const bytes = encodeRecord(given);
        const flipped = Uint8Array.from(bytes);
        const at = where % bytes.length;
        flipped[at] = (flipped[at] ?? 0) ^ flip;
        expect(decodeRecord(flipped).kind).toBe('corrupt');
        expect(decodeRecord(bytes.subarray(0, at)).kind).toBe('corrupt');
        expect(decodeRecord(Buffer.concat([bytes, Buffer.of(flip)])).kind).toBe('corrupt');
      }),
    );
  });

  it('reads any bytes without throwing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeRecord(bytes)));
  });
});

describe('a clock alone', () => {
  it('comes back, and malformed bytes are undefined', () => {
    fc.assert(
      fc.property(
        fc.array(dot, { maxLength: 20 }).map(clockOf),
        fc.uint8Array({ minLength: 1, maxLength: 60 }),
        (clock, noise) => {
          const bytes = encodeClock(clock);
          expect(decodeClock(bytes)).toEqual(clock);
          expect(decodeClock(Buffer.concat([bytes, noise]))).toBeUndefined();
          if (bytes.length > 1) expect(decodeClock(bytes.subarray(0, -1))).toBeUndefined();
          void decodeClock(noise);
        },
      ),
    );
  });

  it('in another order than its own is malformed', () => {
    const [a, b] = [
      { actor: 'a', timestamp: 1 },
      { actor: 'b', timestamp: 2 },
    ];
    expect(decodeClock(encodeClock([a, b]))).toBeUndefined();
    expect(decodeClock(encodeClock([b, a]))).toEqual([b, a]);
  });
});
