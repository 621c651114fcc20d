import type { Dot } from '../domain/clock.js';
import { QuorateError } from '../domain/errors.js';
import { HybridClock, isFarAhead } from '../domain/hybrid-clock.js';
import { askedAt, type Level, neededAt } from '../domain/level.js';
import { LevelTally, type ReplicaSets } from '../domain/level-tally.js';
import type { Reading } from '../domain/read-tally.js';
import type { Clock } from '../ports/clock.js';
import type { AskResult, ReplicaStreams, Told } from '../ports/replica-stream.js';
import type { ClockGuard } from './clock-guard.js';
import type { CallContext } from './coordinator-services.js';
import { fanOut } from './fan-out.js';
import { isOver, operationDeadline, reachedNewerEpoch } from './operation-deadline.js';
import { type KeyTarget, planReplicas, type ReplicaPlan } from './replica-plan.js';
import { ReplicaShortfall } from './replica-shortfall.js';
import type { TopologyWatch } from './topology-watch.js';

export interface NextDotParts {
  readonly topology: TopologyWatch;
  readonly replicas: ReplicaStreams;
  readonly guard: ClockGuard;
  readonly clock: Clock;
  /** `coordinatorId@incarnation`. */
  readonly actor: string;
  readonly replicaTimeoutMs: number;
}

/** What the key's replicas told. */
interface Heard {
  readonly sets: ReplicaSets;
  readonly toldBy: ReadonlyMap<string, Told>;
}

/**
 * The first round of a write: asks replicas for the greatest timestamp that they ever stored, and takes a greater dot. Where
 * one of them tells a timestamp far ahead of the clock, which one key brought there, what it holds of the written key counts
 * instead: so no key carries another one along.
 */
export class NextDot {
  readonly #parts: NextDotParts;
  readonly #hybridClock: HybridClock;

  constructor(parts: NextDotParts) {
    this.#parts = parts;
    this.#hybridClock = new HybridClock(parts.actor);
  }

  /** @throws QuorateError quorum_not_reached, deadline_exceeded, clock_refused: nothing was written */
  async take(target: KeyTarget, level: Level, context: CallContext): Promise<Dot> {
    const { guard } = this.#parts;
    const { sets, toldBy } = await this.#ask(target, level, context);
    const toldUs = Math.max(0, ...[...toldBy.values()].map(({ greatestTimestampUs }) => greatestTimestampUs));
    // The clock may have been moved while the replicas were asked.
    guard.check();
    const nowUs = this.#nowUs();
    const dot = this.#hybridClock.next(nowUs, toldUs);
    if (!isFarAhead(toldUs, nowUs)) this.#checkTaken(dot, level, sets, toldBy);
    return dot;
  }

  /** A dot that too many replicas would refuse is not sent to the others: they would keep it until its time comes. */
  #checkTaken({ timestamp }: Dot, level: Level, sets: ReplicaSets, toldBy: Heard['toldBy']): void {
    const refusing = [...toldBy].filter(([, { acceptedUntilUs }]) => acceptedUntilUs < timestamp);
    if (refusing.length === 0) return;
    const tally = new LevelTally(sets, (size) => neededAt(level, size));
    for (const [nodeId] of refusing) tally.fail(nodeId);
    if (tally.outcome !== 'unreachable') return;
    const names = refusing.map(([nodeId]) => `"${nodeId}"`).join(', ');
    throw new QuorateError(
      'clock_refused',
      `this coordinator's clock is more than an hour ahead of storage node ${names}: nothing was written`,
    );
  }

  async #ask(target: KeyTarget, level: Level, context: CallContext): Promise<Heard> {
    const { topology, clock } = this.#parts;
    for (;;) {
      const plan = planReplicas(topology, target);
      const { sets } = plan.placement;
      const tally = new LevelTally(sets, (size) => askedAt(level, size));
      const shortfall = new ReplicaShortfall(plan.placement.epoch);
      const toldBy = new Map<string, Told>();
      if (tally.outcome === 'pending' && !isOver(clock, context)) {
        await this.#askAll(plan, operationDeadline(clock, context, this.#parts.replicaTimeoutMs), (nodeId, result) => {
          if (result.kind === 'told') {
            toldBy.set(nodeId, result);
            tally.acknowledge(nodeId);
          } else {
            tally.fail(nodeId);
            shortfall.add(nodeId, result);
          }
          return tally.outcome;
        });
      }
      if (tally.outcome === 'reached') return { sets, toldBy };
      if (await reachedNewerEpoch(topology, shortfall, clock, context, false)) continue;
      throw shortfall.toError({
        doing: 'answer',
        level,
        sets,
        replicaCount: tally.acknowledged.size,
        outcomeUnknown: false,
        deadlinePassed: isOver(clock, context),
      });
    }
  }

  /**
   * Resolves when the outcome is certain and whoever matters besides was heard, too: every replica that is known to hold
   * something far ahead, since it may be this key, and a write that did not follow it would vanish behind it; and all of
   * them where one would refuse a dot of this clock.
   */
  #askAll(
    plan: ReplicaPlan,
    deadlineMs: number,
    onResult: (nodeId: string, result: AskResult) => LevelTally['outcome'],
  ): Promise<true> {
    const awaited = new Set(plan.nodeIds.filter((nodeId) => this.#isKnownAhead(nodeId)));
    const unanswered = new Set(plan.nodeIds);
    return fanOut(
      plan.nodeIds,
      async (nodeId) => {
        const result = await this.#parts.replicas.ask(nodeId, plan.placement.epoch, deadlineMs);
        if (result.kind !== 'told' || !this.#isAhead(result.greatestTimestampUs)) return result;
        awaited.add(nodeId);
        return this.#askOfKey(nodeId, plan, result, deadlineMs);
      },
      (nodeId, result) => {
        unanswered.delete(nodeId);
        awaited.delete(nodeId);
        if (result.kind === 'told' && result.acceptedUntilUs < this.#nowUs())
          for (const id of unanswered) awaited.add(id);
        const outcome = onResult(nodeId, result);
        return outcome === 'unreachable' || (outcome === 'reached' && awaited.size === 0) ? true : undefined;
      },
    );
  }

  async #askOfKey(nodeId: string, plan: ReplicaPlan, told: Told, deadlineMs: number): Promise<AskResult> {
    const result = await this.#parts.replicas.read(nodeId, plan.operation, true, deadlineMs);
    return result.kind === 'read' ? { ...told, greatestTimestampUs: timestampUsOf(result.reading) } : result;
  }

  #isKnownAhead(nodeId: string): boolean {
    const { usable, greatestTimestampUs } = this.#parts.replicas.state(nodeId);
    return usable === true && this.#isAhead(greatestTimestampUs);
  }

  #isAhead(timestampUs: number): boolean {
    return isFarAhead(timestampUs, this.#nowUs());
  }

  #nowUs(): number {
    return this.#parts.clock.wallMs() * 1000;
  }
}

function timestampUsOf(reading: Reading): number {
  if (reading.kind === 'absent') return 0;
  const [dot] = reading.kind === 'head' ? reading.clock : reading.record.clock;
  return dot?.timestamp ?? 0;
}
