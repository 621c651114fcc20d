import { QuorateError } from '../domain/errors.js';
import { type Level, neededAt } from '../domain/level.js';
import { LevelTally, nodesOf, type ReplicaSets } from '../domain/level-tally.js';
import type { Placement } from '../domain/topology.js';
import type { ReplicaFailure, ReplicaStreams } from '../ports/replica-stream.js';

/** A storage node's own words in a message: some replicas' together leave room for the rest. */
const REASON_LENGTH_MAX = 120;

/** Collects why replicas did not answer, for the error that a request ends with when too many didn't. */
export class ReplicaShortfall {
  readonly #reasons = new Map<string, string>();
  readonly #untouched = new Set<string>();
  readonly #plannedEpoch: number;
  #fencedEpoch: number | undefined;

  /** @param plannedEpoch of the plan that the replicas were asked under */
  constructor(plannedEpoch: number) {
    this.#plannedEpoch = plannedEpoch;
  }

  add(nodeId: string, failure: ReplicaFailure): void {
    this.#reasons.set(nodeId, this.#reasonOf(failure));
    const isNewer = failure.kind === 'fenced' && failure.epoch > this.#plannedEpoch;
    if (isNewer) this.#fencedEpoch = Math.max(this.#fencedEpoch ?? 0, failure.epoch);
    if (failure.kind !== 'failed' || !failure.sent) this.#untouched.add(nodeId);
  }

  /** The greatest newer epoch that a node refused the operation for; undefined when none did. */
  get fencedEpoch(): number | undefined {
    return this.#fencedEpoch;
  }

  /** Whether some of these nodes may have taken the operation: it answered, or may still do so. */
  mayHaveReached(nodeIds: readonly string[]): boolean {
    return nodeIds.some((nodeId) => !this.#untouched.has(nodeId));
  }

  toError(facts: {
    /** What too few replicas did, such as "acknowledge". */
    readonly doing: string;
    readonly level: Level;
    readonly sets: ReplicaSets;
    readonly replicaCount: number;
    readonly outcomeUnknown: boolean;
    readonly deadlinePassed: boolean;
    /** What those did that answered, where all were asked. */
    readonly answers?: ReadonlyMap<string, string>;
  }): QuorateError {
    const { doing, level, sets, replicaCount, outcomeUnknown, deadlinePassed, answers } = facts;
    const size = Math.max(0, ...sets.map((set) => set.length));
    const said = nodesOf(sets).flatMap((nodeId) => {
      const words = answers?.get(nodeId) ?? this.#reasons.get(nodeId) ?? (answers && 'no answer yet');
      return words === undefined ? [] : [`${nodeId}: ${words}`];
    });
    const message =
      `consistency "${level}" needs ${neededAt(level, size)} of ${size} replicas to ${doing}, ` +
      `${replicaCount} did${said.length === 0 ? '' : ` (${said.join('; ')})`}`;
    const kind = deadlinePassed ? 'deadline_exceeded' : 'quorum_not_reached';
    return new QuorateError(kind, deadlinePassed ? `the deadline passed: ${message}` : message, {
      outcomeUnknown,
      replicaCount,
    });
  }

  #reasonOf(failure: ReplicaFailure): string {
    switch (failure.kind) {
      case 'fenced':
        return failure.epoch > this.#plannedEpoch
          ? `has seen epoch ${failure.epoch}`
          : `was not told epoch ${this.#plannedEpoch} yet`;
      case 'refused':
        return cut(failure.message);
      case 'failed':
        return cut(failure.reason);
    }
  }
}

/** Why the level is out of reach before anybody is asked: replicas that would take no operation; undefined when it isn't. */
export function knownShortfall(
  replicas: ReplicaStreams,
  { sets, epoch }: Placement,
  level: Level,
): ReplicaShortfall | undefined {
  const tally = new LevelTally(sets, (size) => neededAt(level, size));
  const shortfall = new ReplicaShortfall(epoch);
  for (const nodeId of nodesOf(sets)) {
    const reason = replicas.refusal(nodeId);
    if (reason === undefined) continue;
    tally.fail(nodeId);
    shortfall.add(nodeId, { kind: 'failed', reason, sent: false });
  }
  return tally.outcome === 'unreachable' ? shortfall : undefined;
}

function cut(reason: string): string {
  return reason.length <= REASON_LENGTH_MAX ? reason : `${reason.slice(0, REASON_LENGTH_MAX)}…`;
}
