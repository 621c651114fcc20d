import type { Dot } from '../domain/clock.js';
import { type Level, neededAt } from '../domain/level.js';
import { type ReadStep, ReadTally } from '../domain/read-tally.js';
import type { VersionedRecord } from '../domain/record.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { EncodedRecord, ReadResult, ReplicaStreams, WriteResult } from '../ports/replica-stream.js';
import { encodeRecord } from '../wire/record-format.js';
import type { CallContext } from './coordinator-services.js';
import { isOver } from './operation-deadline.js';
import type { ReplicaPlan } from './replica-plan.js';
import type { RankedReplicas } from './replica-ranking.js';
import type { ReplicaShortfall } from './replica-shortfall.js';

/** The steps that end a read. */
export type ReadVerdict = Extract<ReadStep, { kind: 'absent' | 'found' | 'unreachable' }>;

interface ReadRoundParts {
  readonly replicas: ReplicaStreams;
  readonly clock: Clock;
  readonly level: Level;
  readonly plan: ReplicaPlan;
  readonly ranked: RankedReplicas;
  readonly shortfall: ReplicaShortfall;
  /** A point of the monotonic clock, for every operation of the round. */
  readonly deadlineMs: number;
  readonly context: CallContext;
}

const TOO_LATE = { kind: 'failed', reason: "the request's time is over", sent: false } as const;

/**
 * One read under one plan: the value from one replica, heads from the others, a further replica where one is slow or
 * fails, and the write-back that `ReadTally` asks for. Replicas found behind are repaired, also after the verdict.
 */
export class ReadRound {
  readonly #parts: ReadRoundParts;
  readonly #tally: ReadTally;
  readonly #untried: string[];
  readonly #writtenBack = new Map<string, string>();
  #fetching = false;
  #hedge: Timer | undefined;
  #resolve: ((verdict: ReadVerdict) => void) | undefined;

  constructor(parts: ReadRoundParts) {
    this.#parts = parts;
    this.#tally = new ReadTally(parts.plan.placement.sets, parts.level);
    this.#untried = [...parts.ranked.nodeIds];
  }

  run(): Promise<ReadVerdict> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#begin();
      this.#advance();
    });
  }

  get tally(): Pick<ReadTally, 'answeredCount' | 'heldCount' | 'answers'> {
    return this.#tally;
  }

  /** As many replicas of each set as the level needs, the readiest first; only the first sends the value. */
  #begin(): void {
    const { plan, level, ranked } = this.#parts;
    const chosen = new Set<string>();
    for (const set of plan.placement.sets) {
      let missing = neededAt(level, set.length) - set.filter((nodeId) => chosen.has(nodeId)).length;
      for (const nodeId of this.#untried) {
        if (missing <= 0) break;
        if (chosen.has(nodeId) || !set.includes(nodeId)) continue;
        chosen.add(nodeId);
        missing--;
      }
    }
    let headOnly = false;
    for (const nodeId of chosen) {
      this.#ask(nodeId, headOnly);
      headOnly = true;
    }
    if (ranked.probe !== undefined && !chosen.has(ranked.probe)) this.#probe(ranked.probe);
    this.#armHedge();
  }

  #ask(nodeId: string, headOnly: boolean): void {
    this.#tried(nodeId);
    void this.#read(nodeId, headOnly).then((result) => {
      if (result.kind === 'read') {
        this.#tally.answer(nodeId, result.reading);
      } else {
        this.#tally.fail(nodeId);
        this.#parts.shortfall.add(nodeId, result);
        this.#askAnother();
      }
      this.#advance();
    });
  }

  /** Asks beside the others: nobody is asked in place of one that fails. */
  #probe(nodeId: string): void {
    void this.#read(nodeId, true).then((result) => {
      if (result.kind === 'read') this.#tally.answer(nodeId, result.reading);
      else this.#tally.fail(nodeId);
      this.#advance();
    });
  }

  #tried(nodeId: string): void {
    const at = this.#untried.indexOf(nodeId);
    if (at >= 0) this.#untried.splice(at, 1);
  }

  #read(nodeId: string, headOnly: boolean): Promise<ReadResult> {
    const { replicas, clock, context, plan, deadlineMs } = this.#parts;
    if (isOver(clock, context)) return Promise.resolve(TOO_LATE);
    return replicas.read(nodeId, plan.operation, headOnly, deadlineMs);
  }

  #askAnother(): boolean {
    const next = this.#untried[0];
    if (next === undefined || this.#resolve === undefined) return false;
    this.#ask(next, false);
    return true;
  }

  /** Waits for half of the time that is left at most, so that another replica still has as much. */
  #armHedge(): void {
    const { clock, ranked, deadlineMs } = this.#parts;
    const next = this.#untried[0];
    if (next === undefined) return;
    const waitMs = Math.min(ranked.hedgeMs(next), (deadlineMs - clock.monotonicMs()) / 2);
    this.#hedge = clock.after(waitMs, () => {
      if (this.#askAnother()) this.#armHedge();
    });
  }

  #advance(): void {
    const { step } = this.#tally;
    switch (step.kind) {
      case 'pending':
        return;
      case 'fetch':
        this.#fetch(step.dot, step.nodeIds);
        return;
      case 'write_back':
        if (this.#resolve !== undefined) this.#writeBack(step.record, step.lacking);
        return;
      case 'found':
        this.#finish(step);
        this.#writeBack(step.record, this.#tally.behind);
        return;
      case 'absent':
      case 'unreachable':
        this.#finish(step);
        return;
    }
  }

  #finish(verdict: ReadVerdict): void {
    this.#hedge?.cancel();
    this.#resolve?.(verdict);
    this.#resolve = undefined;
  }

  /** One node at a time, another one only when this one doesn't give the value; the hedge goes on beside it. */
  #fetch(dot: Dot, nodeIds: readonly string[]): void {
    const nodeId = nodeIds[0];
    if (nodeId === undefined || this.#fetching || this.#resolve === undefined) return;
    this.#fetching = true;
    this.#tried(nodeId);
    void this.#read(nodeId, false).then((result) => {
      this.#fetching = false;
      if (result.kind === 'read') this.#tally.answer(nodeId, result.reading);
      else {
        this.#tally.fail(nodeId);
        this.#parts.shortfall.add(nodeId, result);
      }
      this.#tally.failFetch(nodeId, dot);
      this.#advance();
    });
  }

  /** Merges the record into each node, once for each winning version. */
  #writeBack(record: VersionedRecord, nodeIds: readonly string[]): void {
    const { actor, timestamp } = record.version.dot;
    const winner = `${timestamp} ${actor}`;
    const targets = nodeIds.filter((nodeId) => this.#writtenBack.get(nodeId) !== winner);
    if (targets.length === 0) return;
    // A replica holds it, however far ahead of the others' clocks it lies.
    const encoded = { bytes: encodeRecord(record), clock: record.clock, followsUs: timestamp };
    for (const nodeId of targets) {
      this.#writtenBack.set(nodeId, winner);
      void this.#merge(nodeId, winner, encoded);
    }
  }

  #write(nodeId: string, record: EncodedRecord): Promise<WriteResult> {
    const { replicas, clock, context, plan, deadlineMs } = this.#parts;
    if (isOver(clock, context)) return Promise.resolve(TOO_LATE);
    return replicas.write(nodeId, plan.operation, record, deadlineMs);
  }

  async #merge(nodeId: string, winner: string, record: EncodedRecord): Promise<void> {
    const result = await this.#write(nodeId, record);
    if ('clock' in result) {
      this.#tally.acknowledgeWriteBack(nodeId, result.clock);
    } else if (this.#writtenBack.get(nodeId) === winner) {
      // A later winner that is withdrawn again brings this one back, and the node another try; repairs have one only.
      if (this.#resolve !== undefined) this.#writtenBack.delete(nodeId);
      this.#tally.failWriteBack(nodeId);
      this.#parts.shortfall.add(nodeId, result);
    }
    this.#advance();
  }
}
