import { QuorateError } from '../domain/errors.js';
import { type Level, neededAt } from '../domain/level.js';
import type { ReplicaSets } from '../domain/level-tally.js';
import type { ReplicaFailure } from '../ports/replica-stream.js';

/** Collects why replicas did not answer, for the error that a request ends with when too many didn't. */
export class ReplicaShortfall {
  readonly #reasons = new Map<string, string>();
  readonly #untouched = new Set<string>();
  readonly #plannedEpoch: number;
  #fencedEpoch: number | undefined;

  /** @param plannedEpoch the epoch that the operation was planned under */
  constructor(plannedEpoch: number) {
    this.#plannedEpoch = plannedEpoch;
  }

  add(nodeId: string, failure: ReplicaFailure): void {
    if (failure.kind === 'fenced') {
      const newer = failure.epoch > this.#plannedEpoch;
      if (newer) this.#fencedEpoch = Math.max(this.#fencedEpoch ?? 0, failure.epoch);
      this.#reasons.set(
        nodeId,
        newer ? `has seen epoch ${failure.epoch}` : `was not told epoch ${this.#plannedEpoch} yet`,
      );
      this.#untouched.add(nodeId);
      return;
    }
    this.#reasons.set(nodeId, failure.reason);
    if (!failure.sent) this.#untouched.add(nodeId);
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
    readonly doing: string;
    readonly level: Level;
    readonly sets: ReplicaSets;
    readonly replicaCount: number;
    readonly outcomeUnknown: boolean;
    readonly deadlinePassed: boolean;
  }): QuorateError {
    const { doing, level, sets, replicaCount, outcomeUnknown, deadlinePassed } = facts;
    const size = Math.max(0, ...sets.map((set) => set.length));
    const reasons = [...this.#reasons].map(([nodeId, reason]) => `${nodeId}: ${reason}`).join('; ');
    const message =
      `consistency "${level}" needs ${neededAt(level, size)} of ${size} replicas to ${doing}, ` +
      `${replicaCount} did${reasons === '' ? '' : ` (${reasons})`}` +
      (outcomeUnknown ? '; the write may or may not take effect' : '');
    const kind = deadlinePassed ? 'deadline_exceeded' : 'quorum_not_reached';
    return new QuorateError(kind, deadlinePassed ? `the deadline passed: ${message}` : message, {
      outcomeUnknown,
      replicaCount,
    });
  }
}
