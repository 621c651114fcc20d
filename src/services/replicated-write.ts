import type { Dot, Clock as VectorClock } from '../domain/clock.js';
import { HybridClock } from '../domain/hybrid-clock.js';
import { askedAt, type Level } from '../domain/level.js';
import { LevelTally } from '../domain/level-tally.js';
import { recordOf } from '../domain/record.js';
import { WriteTally } from '../domain/write-tally.js';
import type { Clock } from '../ports/clock.js';
import type { AskResult, ReplicaFailure, ReplicaStreams, WriteResult } from '../ports/replica-stream.js';
import { encodeRecord } from '../wire/record-format.js';
import type { CallContext } from './coordinator-services.js';
import { fanOut } from './fan-out.js';
import { isOver, operationDeadline, reachedNewerEpoch } from './operation-deadline.js';
import { type KeyTarget, planReplicas } from './replica-plan.js';
import { ReplicaShortfall } from './replica-shortfall.js';
import type { TopologyWatch } from './topology-watch.js';

export interface AcknowledgedWrite {
  /** The join of the acknowledged clocks. */
  readonly clock: VectorClock;
  readonly replicaCount: number;
}

export interface ReplicatedWriteParts {
  readonly topology: TopologyWatch;
  readonly replicas: ReplicaStreams;
  readonly clock: Clock;
  /** `coordinatorId@incarnation`. */
  readonly actor: string;
  readonly replicaTimeoutMs: number;
}

/**
 * A write in two rounds: ask a majority for the greatest timestamp it ever stored, take a greater dot, send. A dot, once
 * taken, is never replaced (Lynch and Shvartsman, "Robust emulation of shared memory", 1997; DESIGN, section 5).
 */
export class ReplicatedWrite {
  readonly #parts: ReplicatedWriteParts;
  readonly #hybridClock = new HybridClock();

  constructor(parts: ReplicatedWriteParts) {
    this.#parts = parts;
  }

  /** Asks, then takes a dot greater than all it was told. @throws QuorateError quorum_not_reached, deadline_exceeded */
  async takeDot(target: KeyTarget, level: Level, context: CallContext): Promise<Dot> {
    const toldUs = await this.#ask(target, level, context);
    const { actor, clock } = this.#parts;
    return { actor, timestamp: this.#hybridClock.next(clock.wallMs() * 1000, toldUs) };
  }

  /**
   * Sends the value under the dot to every replica until the level holds it or has passed it.
   * @throws QuorateError quorum_not_reached, deadline_exceeded; with `outcomeUnknown` unless no replica can have a copy
   */
  async send(
    target: KeyTarget,
    dot: Dot,
    value: Uint8Array | null,
    level: Level,
    context: CallContext,
  ): Promise<AcknowledgedWrite> {
    const { topology, replicas, clock } = this.#parts;
    const record = recordOf(dot, value);
    const encoded = { bytes: encodeRecord(record), clock: record.clock };
    let mayHaveReached = false;
    for (;;) {
      const plan = planReplicas(topology, target);
      const { sets } = plan.placement;
      const tally = new WriteTally(sets, level, record.clock);
      const shortfall = new ReplicaShortfall(plan.placement.epoch);
      const deadlineMs = operationDeadline(clock, context, this.#parts.replicaTimeoutMs);
      if (tally.outcome === 'pending' && !isOver(clock, context)) {
        await fanOut(
          plan.nodeIds,
          (nodeId) => replicas.write(nodeId, plan.operation, encoded, deadlineMs),
          (nodeId, result: WriteResult) => {
            if (result.kind === 'failed' || result.kind === 'fenced') fail(nodeId, result, tally, shortfall);
            else tally.acknowledge(nodeId, result.clock);
            return tally.outcome === 'pending' ? undefined : true;
          },
        );
        mayHaveReached ||= shortfall.mayHaveReached(plan.nodeIds);
      }
      if (tally.outcome === 'reached') return { clock: tally.clock, replicaCount: tally.replicaCount };
      if (await reachedNewerEpoch(topology, shortfall, clock, context, mayHaveReached)) continue;
      const { replicaCount } = tally;
      const deadlinePassed = isOver(clock, context);
      throw shortfall.toError({
        doing: 'acknowledge',
        level,
        sets,
        replicaCount,
        outcomeUnknown: mayHaveReached,
        deadlinePassed,
      });
    }
  }

  async #ask(target: KeyTarget, level: Level, context: CallContext): Promise<number> {
    const { topology, replicas, clock } = this.#parts;
    for (;;) {
      const plan = planReplicas(topology, target);
      const { sets, epoch } = plan.placement;
      const tally = new LevelTally(sets, (size) => askedAt(level, size));
      const shortfall = new ReplicaShortfall(plan.placement.epoch);
      const deadlineMs = operationDeadline(clock, context, this.#parts.replicaTimeoutMs);
      let greatestUs = 0;
      if (tally.outcome === 'pending' && !isOver(clock, context)) {
        await fanOut(
          plan.nodeIds,
          (nodeId) => replicas.ask(nodeId, epoch, deadlineMs),
          (nodeId, result: AskResult) => {
            if (result.kind === 'told') {
              tally.acknowledge(nodeId);
              greatestUs = Math.max(greatestUs, result.greatestTimestampUs);
            } else fail(nodeId, result, tally, shortfall);
            return tally.outcome === 'pending' ? undefined : true;
          },
        );
      }
      if (tally.outcome === 'reached') return greatestUs;
      if (await reachedNewerEpoch(topology, shortfall, clock, context, false)) continue;
      const replicaCount = tally.acknowledged.size;
      const deadlinePassed = isOver(clock, context);
      throw shortfall.toError({ doing: 'answer', level, sets, replicaCount, outcomeUnknown: false, deadlinePassed });
    }
  }
}

function fail(
  nodeId: string,
  failure: ReplicaFailure,
  tally: { fail(nodeId: string): void },
  shortfall: ReplicaShortfall,
): void {
  tally.fail(nodeId);
  shortfall.add(nodeId, failure);
}
