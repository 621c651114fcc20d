import type { Clock } from '../../ports/clock.js';

/** The process's own clock. Timers do not keep the process alive. */
export const systemClock: Clock = {
  wallMs: () => performance.timeOrigin + performance.now() + drift(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  nextTurn: (callback) => void setImmediate(callback),
};

/** `performance` never follows a corrected wall clock; `Date` has no fraction. Together they have both. */
let driftMs = 0;
let driftCheckedAtMs = Number.NEGATIVE_INFINITY;

function drift(): number {
  const nowMs = performance.now();
  if (nowMs - driftCheckedAtMs >= 1) {
    driftCheckedAtMs = nowMs;
    const apartMs = Date.now() - (performance.timeOrigin + nowMs);
    if (Math.abs(apartMs - driftMs) > 1) driftMs = apartMs;
  }
  return driftMs;
}
