import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptedUntilUs, HybridClock } from '../../src/domain/hybrid-clock.js';

const MINUTE_US = 60 * 1_000_000;
const HOUR_US = 60 * MINUTE_US;
const NOON_US = 1_700_000_000 * 1_000_000;

describe('a hybrid clock', () => {
  it('gives no dot twice, none below what it was told or its clock, and rising ones to each actor, however the wall clock jumps', () => {
    const step = fc.record({
      nowUs: fc.oneof(
        fc.integer({ min: 0, max: 20 }).map((minutes) => NOON_US + minutes * MINUTE_US),
        fc.double({ min: 0, max: 1e15, noNaN: true }),
      ),
      toldUs: fc.oneof(
        fc.constant(0),
        fc.integer({ min: 0, max: 30 }).map((minutes) => NOON_US + minutes * MINUTE_US),
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const clock = new HybridClock('k@1');
        const last = new Map<string, number>();
        for (const { nowUs, toldUs } of steps) {
          const { actor, timestamp } = clock.next(nowUs, toldUs);
          expect(timestamp).toBeGreaterThan(last.get(actor) ?? 0);
          expect(timestamp).toBeGreaterThan(toldUs);
          expect(timestamp).toBeGreaterThanOrEqual(Math.min(Math.floor(nowUs), toldUs + 1));
          expect(Number.isSafeInteger(timestamp)).toBe(true);
          last.set(actor, timestamp);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('goes on under one name while its clock goes on, stands still or steps back by minutes', () => {
    const clock = new HybridClock('k@1');
    expect(clock.next(NOON_US + 0.7, 0)).toEqual({ actor: 'k@1', timestamp: NOON_US });
    expect(clock.next(NOON_US, 0)).toEqual({ actor: 'k@1', timestamp: NOON_US + 1 });
    expect(clock.next(NOON_US - 4 * MINUTE_US, 0)).toEqual({ actor: 'k@1', timestamp: NOON_US + 2 });
    expect(clock.next(NOON_US, NOON_US + MINUTE_US)).toEqual({ actor: 'k@1', timestamp: NOON_US + MINUTE_US + 1 });
    expect(clock.next(NOON_US + HOUR_US, 0)).toEqual({ actor: 'k@1', timestamp: NOON_US + HOUR_US });
  });

  it('follows what lies hours ahead without being carried along', () => {
    const clock = new HybridClock('k@1');
    const ahead = NOON_US + 2 * HOUR_US;
    expect(clock.next(NOON_US, ahead)).toEqual({ actor: 'k@1.1', timestamp: ahead + 1 });
    expect(clock.next(NOON_US, 0)).toEqual({ actor: 'k@1', timestamp: NOON_US });
    expect(clock.next(NOON_US, ahead + 1)).toEqual({ actor: 'k@1.1', timestamp: ahead + 2 });
    expect(clock.next(NOON_US, ahead)).toEqual({ actor: 'k@1.2', timestamp: ahead + 1 });
  });

  it('takes the right time again at once when its clock was hours ahead and is set right', () => {
    const clock = new HybridClock('k@1');
    expect(clock.next(NOON_US + 2 * HOUR_US, 0).timestamp).toBe(NOON_US + 2 * HOUR_US);
    expect(clock.next(NOON_US, 0)).toEqual({ actor: 'k@1.1', timestamp: NOON_US });
    expect(clock.next(NOON_US, 0)).toEqual({ actor: 'k@1.1', timestamp: NOON_US + 1 });
  });
});

describe('what a storage node takes', () => {
  it('ends an hour beyond its clock, or a minute beyond its greatest timestamp where that is more', () => {
    const nowMs = NOON_US / 1000;
    expect(acceptedUntilUs(nowMs, 0)).toBe(NOON_US + HOUR_US);
    expect(acceptedUntilUs(nowMs, NOON_US + HOUR_US - MINUTE_US)).toBe(NOON_US + HOUR_US);
    expect(acceptedUntilUs(nowMs, NOON_US + 2 * HOUR_US)).toBe(NOON_US + 2 * HOUR_US + MINUTE_US);
  });
});
