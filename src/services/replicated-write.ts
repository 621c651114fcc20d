import type { Dot, Clock as VectorClock } from '../domain/clock.js';
import type { QuorateError } from '../domain/errors.js';
import type { Level } from '../domain/level.js';
import type { ReplicaSets } from '../domain/level-tally.js';
import { recordOf } from '../domain/record.js';
import { encodeRecord } from '../wire/record-format.js';
import type { CallContext } from './coordinator-services.js';
import { NextDot, type NextDotParts } from './next-dot.js';
import { isOver, operationDeadline, reachedNewerEpoch } from './operation-deadline.js';
import { type KeyTarget, planReplicas } from './replica-plan.js';
import { knownShortfall, type ReplicaShortfall } from './replica-shortfall.js';
import { WriteRound } from './write-round.js';

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

  /** @throws QuorateError quorum_not_reached, deadline_exceeded: too few replicas are connected to reach the level */
  checkReachable(target: KeyTarget, level: Level, context: CallContext): void {
    const { topology, replicas } = this.#parts;
    const { placement } = planReplicas(topology, target);
    const shortfall = knownShortfall(replicas, placement, level);
    if (shortfall !== undefined) throw this.#unsent(shortfall, level, placement.sets, false, context);
  }

  /**
   * Sends the value under the dot to every replica until the level holds it or has passed it; to none where it is known
   * that too few take it.
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
      const known = knownShortfall(replicas, plan.placement, level);
      if (known !== undefined) throw this.#unsent(known, level, sets, mayHaveReached, context);
      const round = new WriteRound(this.#parts, plan, level, encoded);
      const { tally, shortfall } = round;
      const isSent = !isOver(clock, context);
      if (isSent) {
        await round.run(encoded, operationDeadline(clock, context, this.#parts.replicaTimeoutMs));
        mayHaveReached ||= round.mayHaveReached;
      }
      if (tally.outcome === 'reached') return { clock: tally.clock, replicaCount: tally.replicaCount };
      if (await reachedNewerEpoch(topology, shortfall, clock, context, mayHaveReached)) continue;
      throw shortfall.toError({
        doing: 'acknowledge',
        level,
        sets,
        replicaCount: tally.replicaCount,
        outcomeUnknown: mayHaveReached,
        deadlinePassed: isOver(clock, context),
        ...(isSent ? { answers: tally.answers } : {}),
      });
    }
  }

  #unsent(
    shortfall: ReplicaShortfall,
    level: Level,
    sets: ReplicaSets,
    outcomeUnknown: boolean,
    context: CallContext,
  ): QuorateError {
    const deadlinePassed = isOver(this.#parts.clock, context);
    return shortfall.toError({ doing: 'acknowledge', level, sets, replicaCount: 0, outcomeUnknown, deadlinePassed });
  }
}
