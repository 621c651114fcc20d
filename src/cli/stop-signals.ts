/** npm passes on a Ctrl-C that the terminal has sent to the whole process group already: both are one. */
const SAME_SIGNAL_MS = 1000;

/**
 * Calls `stop` at the first SIGINT, SIGTERM or SIGHUP, and `endAtOnce` at a second one, unless that is the first one's echo.
 */
export function onStopSignals(stop: (signal: NodeJS.Signals) => void, endAtOnce: () => void): void {
  let firstAtMs: number | undefined;
  const receive = (signal: NodeJS.Signals) => {
    if (firstAtMs === undefined) {
      firstAtMs = performance.now();
      stop(signal);
    } else if (performance.now() - firstAtMs > SAME_SIGNAL_MS) endAtOnce();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, receive);
}
