import { QuorateError } from '../domain/errors.js';
import type { Level } from '../domain/level.js';
import { checkId, checkKey, checkLevel, type FieldLimits } from '../domain/request-fields.js';
import { shownText } from '../domain/shown-text.js';
import type { Clock } from '../ports/clock.js';
import type { ReplicaStreams } from '../ports/replica-stream.js';
import type { CallContext, ReadOutcome, ReadRequest } from './coordinator-services.js';
import { isOver, operationDeadline, reachedNewerEpoch } from './operation-deadline.js';
import { ReadRound, type ReadVerdict } from './read-round.js';
import { type KeyTarget, planReplicas } from './replica-plan.js';
import { ReplicaRanking } from './replica-ranking.js';
import { ReplicaShortfall } from './replica-shortfall.js';
import type { TopologyWatch } from './topology-watch.js';

export interface ReadKeyValueParts {
  readonly topology: TopologyWatch;
  readonly replicas: ReplicaStreams;
  readonly clock: Clock;
  readonly limits: FieldLimits;
  readonly replicaTimeoutMs: number;
}

/** ReadKeyValue: validates, then reads at the asked level, under a newer epoch again where nodes have seen one. */
export class ReadKeyValue {
  readonly #parts: ReadKeyValueParts;
  readonly #ranking: ReplicaRanking;

  constructor(parts: ReadKeyValueParts) {
    this.#parts = parts;
    this.#ranking = new ReplicaRanking(parts.replicas);
  }

  /** @throws QuorateError invalid_field, tenant_not_found, key_not_found, quorum_not_reached, deadline_exceeded */
  async read(request: ReadRequest, context: CallContext): Promise<ReadOutcome> {
    const { topology, limits } = this.#parts;
    const tenantId = checkId('tenant_id', request.tenantId, limits);
    const key = checkKey(request.key, limits);
    const level = checkLevel(request.consistency);
    const { tenant } = await topology.tenant(tenantId);
    const verdict = await this.#readAt(level, { tenant, key }, context);
    const value = verdict.kind === 'found' ? verdict.record.version.value : null;
    if (verdict.kind === 'absent' || value === null) {
      throw new QuorateError('key_not_found', `key ${shownText(request.key)} does not exist`);
    }
    return { value, clock: verdict.record.clock };
  }

  async #readAt(level: Level, target: KeyTarget, context: CallContext): Promise<Settled> {
    const { topology, replicas, clock, replicaTimeoutMs } = this.#parts;
    for (;;) {
      const plan = planReplicas(topology, target);
      const shortfall = new ReplicaShortfall(plan.placement.epoch);
      const deadlineMs = operationDeadline(clock, context, replicaTimeoutMs);
      const ranked = this.#ranking.rank(plan, level);
      const round = new ReadRound({ replicas, clock, level, plan, ranked, shortfall, deadlineMs, context });
      const isAsked = !isOver(clock, context);
      const verdict = isAsked ? await round.run() : UNASKED;
      if (verdict.kind !== 'unreachable') return verdict;
      if (await reachedNewerEpoch(topology, shortfall, clock, context, false)) continue;
      throw shortfall.toError({
        doing: verdict.lacking === 'answers' ? 'answer' : 'hold the newest value',
        level,
        sets: plan.placement.sets,
        replicaCount: verdict.lacking === 'answers' ? round.tally.answeredCount : round.tally.heldCount,
        outcomeUnknown: false,
        deadlinePassed: isOver(clock, context),
        ...(isAsked ? { answers: round.tally.answers } : {}),
      });
    }
  }
}

const UNASKED = { kind: 'unreachable', lacking: 'answers' } as const;

type Settled = Exclude<ReadVerdict, { kind: 'unreachable' }>;
