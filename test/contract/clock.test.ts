import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { type Clock, sleep } from '../../src/ports/clock.js';
import { VirtualClock } from '../support/virtual-clock.js';

/** How time is made to pass until the promise settles. */
type Drive = <T>(promise: Promise<T>) => Promise<T>;

const virtual = new VirtualClock();
const CLOCKS: readonly (readonly [string, Clock, Drive])[] = [
  ['of the system', systemClock, (promise) => promise],
  ['of a virtual world', virtual, (promise) => virtual.settle(promise)],
];

describe.each(CLOCKS)('the clock %s', (_name, clock, drive) => {
  it('calls back in the order of the delays, not sooner than they say, and never what was cancelled', async () => {
    const startMs = clock.monotonicMs();
    const called: string[] = [];
    const over = new Promise<void>((resolve) => {
      clock.after(30, resolve);
      clock.after(20, () => called.push(`late ${clock.monotonicMs() - startMs >= 19}`));
      clock.after(1, () => called.push('soon'));
      clock.after(5, () => called.push('cancelled')).cancel();
    });
    await drive(over);
    expect(called).toEqual(['soon', 'late true']);
  });

  it('takes the next turn after everything of this one, microtasks too', async () => {
    const order: string[] = [];
    const over = new Promise<void>((resolve) => {
      clock.nextTurn(() => {
        order.push('turn');
        resolve();
      });
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => order.push('microtask'));
      order.push('now');
    });
    await drive(over);
    expect(order).toEqual(['now', 'microtask', 'turn']);
  });

  it('sleeps until the time is over or the signal aborts, and never rejects', async () => {
    const startMs = clock.monotonicMs();
    await drive(sleep(clock, 10));
    expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(9);
    const abort = new AbortController();
    const sleeping = sleep(clock, 1_000_000, abort.signal);
    clock.after(1, () => abort.abort());
    await drive(sleeping);
    await drive(sleep(clock, 1_000_000, abort.signal));
    expect(clock.monotonicMs() - startMs).toBeLessThan(1_000_000);
  });
});
