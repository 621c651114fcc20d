import type { Dot, Clock as VectorClock } from '../domain/clock.js';
import type { Level } from '../domain/level.js';
import { recordOf } from '../domain/record.js';
import { WriteTally } from '../domain/write-tally.js';
import type { ReplicaFailure, WriteResult } from '../ports/replica-stream.js';
import { encodeRecord } from '../wire/record-format.js';
import type { CallContext } from './coordinator-services.js';
import { fanOut } from './fan-out.js';
import { followedWrite } from './followed-write.js';
import { NextDot, type NextDotParts } from './next-dot.js';
import { isOver, operationDeadline, reachedNewerEpoch } from './operation-deadline.js';
import { type KeyTarget, planReplicas } from './replica-plan.js';
import { ReplicaShortfall } from './replica-shortfall.js';

export interface AcknowledgedWrite {
  /** The join of the acknowledged clocks. */
  readonly clock: VectorClock;
  readonly replicaCount: number;
}

/**
 * A write in two rounds: ask a majority for the greatest timestamp it ever stored, take a greater dot, send. A dot, once
 * taken, is never replaced (Lynch and Shvartsman, "Robust emulation of shared memory", 1997; DESIGN, section 5).
 */
export class ReplicatedWrite {
  readonly #parts: NextDotParts;
  readonly #dots: NextDot;

  constructor(parts: NextDotParts) {
    this.#parts = parts;
    this.#dots = new NextDot(parts);
  }

  /** @throws QuorateError quorum_not_reached, deadline_exceeded, clock_refused: nothing was written */
  takeDot(target: KeyTarget, level: Level, context: CallContext): Promise<Dot> {
    return this.#dots.take(target, level, context);
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
      const shortfall = new ReplicaShortfall();
      const deadlineMs = operationDeadline(clock, context, this.#parts.replicaTimeoutMs);
      if (tally.outcome === 'pending' && !isOver(clock, context)) {
        await fanOut(
          plan.nodeIds,
          followedWrite(plan.nodeIds.length, encoded, (nodeId, sent) =>
            replicas.write(nodeId, plan.operation, sent, deadlineMs),
          ),
          (nodeId, result: WriteResult) => {
            if (!('clock' in result)) fail(nodeId, result, tally, shortfall);
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
