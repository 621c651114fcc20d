import type { Log } from '../ports/log.js';
import { FAILURE_EXIT_CODE } from './report-failure.js';
import { onStopSignals } from './stop-signals.js';

/** What a part tells the process that started it. */
export interface ReadyMessage {
  readonly ready: true;
  readonly host: string;
  readonly port: number;
}

export interface FailedMessage {
  readonly failed: string;
}

/** Tells the process that started this one, if one did by `up`. */
export function tellParent(message: ReadyMessage | FailedMessage): void {
  if (process.connected) process.send?.(message);
}

/**
 * Serves until SIGTERM or SIGINT, or until the process that started this one is gone; then stops in order and exits. A
 * second signal ends at once.
 */
export function serveUntilStopped(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const begin = (reason: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ reason }, 'stopping');
    stop().then(
      () => process.exit(0),
      (err: unknown) => {
        log.error({ err }, 'stopping failed');
        process.exit(FAILURE_EXIT_CODE);
      },
    );
  };
  onStopSignals(begin, () => process.exit(FAILURE_EXIT_CODE));
  process.on('disconnect', () => begin('the process that started this one is gone'));
}

/** A fault of this program: one line in the log, and a process that is started anew is better than one that limps. */
export function exitOnFault(log: Log): void {
  const exit = (err: unknown) => {
    log.error({ err }, 'an unexpected fault ends this process');
    process.exit(FAILURE_EXIT_CODE);
  };
  process.on('uncaughtException', exit);
  process.on('unhandledRejection', exit);
}
