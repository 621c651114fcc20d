import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HybridClock } from '../../src/domain/hybrid-clock.js';

it('takes timestamps that exceed every earlier one and all that it was told, however the wall clock jumps', () => {
  const step = fc.record({
    nowUs: fc.double({ min: 0, max: 1e15, noNaN: true }),
    toldUs: fc.nat({ max: 2 ** 31 - 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), (steps) => {
      const clock = new HybridClock();
      let last = 0;
      for (const { nowUs, toldUs } of steps) {
        const taken = clock.next(nowUs, toldUs);
        expect(taken).toBeGreaterThan(last);
        expect(taken).toBeGreaterThan(toldUs);
        expect(taken).toBeGreaterThanOrEqual(Math.floor(nowUs));
        expect(Number.isSafeInteger(taken)).toBe(true);
        last = taken;
      }
    }),
  );
});
