import { beforeEach, describe, expect, it } from 'vitest';
import { ClockGuard } from '../../src/services/clock-guard.js';
import { VirtualClock } from '../support/virtual-clock.js';

const MINUTE_MS = 60_000;

describe('the guard of a coordinator’s clock', () => {
  let clock: VirtualClock;
  let guard: ClockGuard;

  beforeEach(() => {
    clock = new VirtualClock();
    guard = new ClockGuard(clock);
  });

  it.each([
    [4.9, undefined],
    [-4.9, undefined],
    [5.1, '306 s ahead of'],
    [-5.1, '306 s behind'],
  ])('judges a clock that is %d minutes off the store’s', (minutes, refusal) => {
    guard.compared(minutes * MINUTE_MS);
    if (refusal === undefined) expect(guard.refusal).toBeUndefined();
    else {
      expect(guard.refusal).toContain(refusal);
      expect(() => guard.check()).toThrow(refusal);
    }
  });

  it('notices a step of the wall clock at once, in both directions, and its end', async () => {
    guard.compared(0);
    await clock.advance(600_000);
    expect(guard.refusal).toBeUndefined();
    for (const [minutes, refusal] of [
      [6, '360 s ahead'],
      [-12, '360 s behind'],
    ] as const) {
      clock.wallOffsetMs += minutes * MINUTE_MS;
      expect(guard.refusal).toContain(refusal);
    }
    clock.wallOffsetMs += 6 * MINUTE_MS;
    expect(guard.refusal).toBeUndefined();
  });

  it('adds steps to what the clock was off before', () => {
    guard.compared(3 * MINUTE_MS);
    clock.wallOffsetMs += 3 * MINUTE_MS;
    expect(guard.refusal).toContain('360 s ahead');
    guard.compared(0);
    expect(guard.refusal).toBeUndefined();
  });
});
