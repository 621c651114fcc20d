/** Time as the services and storage nodes see it; the simulation has one of its own. */
export interface Clock {
  /** Wall clock, Unix milliseconds with fraction; may jump in both directions. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start, with fraction; never falls, stands still while the process is paused or not. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`, unless cancelled before. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls back once after everything that this turn of the event loop has still to do. */
  nextTurn(callback: () => void): void;
}

export interface Timer {
  cancel(): void;
}

/** Resolves after `delayMs`, or as soon as the signal aborts; never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = () => {
      timer.cancel();
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.after(delayMs, wake);
    signal?.addEventListener('abort', wake, { once: true });
  });
}
