import { MetadataUnavailableError } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';
import type { CallContext } from './coordinator-services.js';
import type { ReplicaShortfall } from './replica-shortfall.js';
import type { TopologyWatch } from './topology-watch.js';

/** A wall clock that is set right by less than this ends no request. */
const WALL_SLACK_MS = 1000;

export type Deadline = Pick<CallContext, 'deadlineMs' | 'deadlineWallMs'>;

/** Whether the request's time is over: nothing more is sent for it, so that one who wakes up sends nothing stale. */
export function isOver(clock: Clock, { deadlineMs, deadlineWallMs }: Deadline): boolean {
  return clock.monotonicMs() >= deadlineMs || clock.wallMs() >= deadlineWallMs + WALL_SLACK_MS;
}

/** The work's result, or undefined when the request's time is over before: whoever began the work sees to its end. */
export function inTime<Result>(clock: Clock, context: CallContext, work: Promise<Result>): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(context.deadlineMs - clock.monotonicMs(), () => resolve(undefined));
    const settle = (end: () => void) => {
      timer.cancel();
      end();
    };
    work.then(
      (result) => settle(() => resolve(result)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

/** A replica operation ends with its own time or the request's, whichever comes first. */
export function operationDeadline(clock: Clock, context: CallContext, replicaTimeoutMs: number): number {
  return Math.min(context.deadlineMs, clock.monotonicMs() + replicaTimeoutMs);
}

/**
 * Whether too few replicas answered because they have seen an epoch that is newer than the plan's, and now known here as
 * well: the operation is then planned anew and its votes are counted from zero. False as well once its time is over.
 * @throws MetadataUnavailableError the newer topology can't be read; `outcomeUnknown` as given
 */
export async function reachedNewerEpoch(
  topology: TopologyWatch,
  shortfall: ReplicaShortfall,
  clock: Clock,
  context: CallContext,
  outcomeUnknown: boolean,
): Promise<boolean> {
  if (shortfall.fencedEpoch === undefined || isOver(clock, context)) return false;
  try {
    const reached = topology.reach(shortfall.fencedEpoch).then(() => true);
    return (await inTime(clock, context, reached)) ?? false;
  } catch (error) {
    if (!(error instanceof MetadataUnavailableError)) throw error;
    throw new MetadataUnavailableError(error.message, { outcomeUnknown, cause: error });
  }
}
