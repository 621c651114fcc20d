import { type Level, neededAt } from '../domain/level.js';
import { type ReadStep, ReadTally } from '../domain/read-tally.js';
import type { VersionedRecord } from '../domain/record.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { EncodedRecord, ReadResult, ReplicaStreams } from '../ports/replica-stream.js';
import { encodeRecord } from '../wire/record-format.js';
import type { ReplicaPlan } from './replica-plan.js';
import type { ReplicaShortfall } from './replica-shortfall.js';

/** A replica is hedged after its recent 95th percentile, but never sooner than this. */
const HEDGE_MIN_MS = 2;

/** The steps that end a read. */
export type ReadVerdict = Extract<ReadStep, { kind: 'absent' | 'found' | 'unreachable' }>;

interface ReadRoundParts {
  readonly replicas: ReplicaStreams;
  readonly clock: Clock;
  readonly level: Level;
  readonly plan: ReplicaPlan;
  readonly shortfall: ReplicaShortfall;
  /** A point of the monotonic clock, for every operation of the round. */
  readonly deadlineMs: number;
}

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
    this.#untried = byReadiness(parts.plan.nodeIds, parts.replicas);
  }

  run(): Promise<ReadVerdict> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#begin();
      this.#advance();
    });
  }

  /** How many replicas answered so far. */
  get answeredCount(): number {
    return this.#tally.answeredCount;
  }

  /** As many replicas of each set as the level needs, the readiest first; only the first sends the value. */
  #begin(): void {
    const { plan, level } = this.#parts;
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
    this.#armHedge([...chosen]);
  }

  #ask(nodeId: string, headOnly: boolean): void {
    this.#untried.splice(this.#untried.indexOf(nodeId), 1);
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

  #read(nodeId: string, headOnly: boolean): Promise<ReadResult> {
    const { replicas, plan, deadlineMs } = this.#parts;
    return replicas.read(nodeId, plan.operation, headOnly, deadlineMs);
  }

  #askAnother(): boolean {
    const next = this.#untried[0];
    if (next === undefined || this.#resolve === undefined) return false;
    this.#ask(next, false);
    return true;
  }

  #armHedge(waitedFor: readonly string[]): void {
    const { clock, replicas } = this.#parts;
    if (this.#untried.length === 0) return;
    const p95Ms = Math.max(HEDGE_MIN_MS, ...waitedFor.map((nodeId) => replicas.state(nodeId).p95Ms));
    this.#hedge = clock.after(p95Ms, () => {
      const next = this.#untried[0];
      if (this.#askAnother() && next !== undefined) this.#armHedge([next]);
    });
  }

  #advance(): void {
    const { step } = this.#tally;
    switch (step.kind) {
      case 'pending':
        return;
      case 'fetch':
        this.#fetch(step.holders);
        return;
      case 'write_back':
        if (this.#resolve !== undefined) this.#writeBack(step.record, step.lacking);
        return;
      case 'found':
        this.#writeBack(step.record, this.#tally.behind);
        this.#finish(step);
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

  /** One holder at a time: another one only when this one fails. */
  #fetch(holders: readonly string[]): void {
    const holder = holders[0];
    if (holder === undefined || this.#fetching || this.#resolve === undefined) return;
    this.#fetching = true;
    void this.#read(holder, false).then((result) => {
      this.#fetching = false;
      if (result.kind === 'read' && result.reading.kind === 'record') this.#tally.answer(holder, result.reading);
      else {
        this.#tally.failFetch(holder);
        if (result.kind !== 'read') this.#parts.shortfall.add(holder, result);
      }
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

  async #merge(nodeId: string, winner: string, record: EncodedRecord): Promise<void> {
    const { replicas, plan, deadlineMs, shortfall } = this.#parts;
    const result = await replicas.write(nodeId, plan.operation, record, deadlineMs);
    if ('clock' in result) {
      this.#tally.acknowledgeWriteBack(nodeId, result.clock);
    } else if (this.#writtenBack.get(nodeId) === winner) {
      this.#tally.failWriteBack(nodeId);
      shortfall.add(nodeId, result);
    }
    this.#advance();
  }
}

/** Usable nodes first, in ring order, which spreads the keys' first replicas evenly; those long silent last. */
function byReadiness(nodeIds: readonly string[], replicas: ReplicaStreams): string[] {
  const usable = (nodeId: string) => replicas.state(nodeId).usable === true;
  return [...nodeIds.filter(usable), ...nodeIds.filter((nodeId) => !usable(nodeId))];
}
