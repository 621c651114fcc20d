import { type Clock, compareDots, type Dot, joinClocks, sameDot } from './clock.js';
import { type Level, neededAt } from './level.js';
import { LevelTally, nodesOf, type ReplicaSets } from './level-tally.js';
import type { VersionedRecord } from './record.js';

/** What one replica told of a key. A head is a record without its value. */
export type Reading =
  | { readonly kind: 'absent' }
  | { readonly kind: 'head'; readonly clock: Clock }
  | { readonly kind: 'record'; readonly record: VersionedRecord };

/** What the read needs next. */
export type ReadStep =
  | { readonly kind: 'pending' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'found'; readonly record: VersionedRecord }
  /** The winning version is known by its dot only: read its value from one of these nodes. */
  | { readonly kind: 'fetch'; readonly holders: readonly string[] }
  /** Too few replicas are known to hold the winning version: merge the record into those that may lack it. */
  | { readonly kind: 'write_back'; readonly record: VersionedRecord; readonly lacking: readonly string[] }
  | { readonly kind: 'unreachable' };

/**
 * Decides a read: the version with the greatest dot wins, and it is answered only when the level's number of replicas
 * has held it while the read ran (the write-back of Attiya, Bar-Noy and Dolev, 1995). A write-back that is passed
 * makes the newer version the winner.
 */
export class ReadTally {
  readonly #sets: ReplicaSets;
  readonly #level: Level;
  readonly #answered: LevelTally;
  /** The greatest dot known of each node that answered; null for absent. */
  readonly #known = new Map<string, Dot | null>();
  readonly #fetchFailed = new Set<string>();
  readonly #writeBackFailed = new Set<string>();
  #clock: Clock = [];
  #winner: Dot | undefined;
  #record: VersionedRecord | undefined;

  constructor(sets: ReplicaSets, level: Level) {
    this.#sets = sets;
    this.#level = level;
    this.#answered = new LevelTally(sets, (size) => neededAt(level, size));
  }

  answer(nodeId: string, reading: Reading): void {
    this.#answered.acknowledge(nodeId);
    if (reading.kind === 'absent') {
      if (!this.#known.has(nodeId)) this.#known.set(nodeId, null);
      return;
    }
    const clock = reading.kind === 'head' ? reading.clock : reading.record.clock;
    this.#learn(nodeId, clock);
    if (reading.kind === 'record' && this.#isWinner(reading.record.version.dot)) this.#record = reading.record;
  }

  fail(nodeId: string): void {
    this.#answered.fail(nodeId);
  }

  /** The node didn't give the winning value after all. */
  failFetch(nodeId: string): void {
    this.#fetchFailed.add(nodeId);
  }

  /** @param clock what the node holds after the merge: the written-back version, or a greater one that passed it */
  acknowledgeWriteBack(nodeId: string, clock: Clock): void {
    this.#learn(nodeId, clock);
  }

  failWriteBack(nodeId: string): void {
    this.#writeBackFailed.add(nodeId);
  }

  get step(): ReadStep {
    if (this.#answered.outcome !== 'reached') return { kind: this.#answered.outcome };
    if (this.#winner === undefined) return { kind: 'absent' };
    const held = this.#heldTally();
    if (this.#record === undefined) {
      const holders = [...held.acknowledged].filter((nodeId) => !this.#fetchFailed.has(nodeId));
      return holders.length === 0 ? { kind: 'unreachable' } : { kind: 'fetch', holders };
    }
    // The joined clock's greatest entry is the winner: each clock's greatest entry is its version's dot.
    const record = { clock: this.#clock, version: this.#record.version };
    if (held.outcome === 'reached') return { kind: 'found', record };
    if (held.outcome === 'unreachable') return { kind: 'unreachable' };
    return { kind: 'write_back', record, lacking: this.#lacking(held) };
  }

  get answeredCount(): number {
    return this.#answered.acknowledged.size;
  }

  /** Nodes that answered with less than the winner: worth repairing in the background once the read is decided. */
  get behind(): string[] {
    const winner = this.#winner;
    if (winner === undefined) return [];
    return [...this.#known].filter(([, dot]) => dot === null || !sameDot(dot, winner)).map(([nodeId]) => nodeId);
  }

  #learn(nodeId: string, clock: Clock): void {
    const dot = clock[0];
    if (dot === undefined) return;
    this.#clock = joinClocks(this.#clock, clock);
    const known = this.#known.get(nodeId);
    if (known === undefined || known === null || compareDots(known, dot) < 0) this.#known.set(nodeId, dot);
    if (this.#winner !== undefined && compareDots(dot, this.#winner) <= 0) return;
    this.#winner = dot;
    this.#record = undefined;
    this.#fetchFailed.clear();
    this.#writeBackFailed.clear();
  }

  #isWinner(dot: Dot): boolean {
    return this.#winner !== undefined && sameDot(dot, this.#winner);
  }

  /** Who has held the winning version while the read ran; those whose write-back failed can't be counted on. */
  #heldTally(): LevelTally {
    const held = new LevelTally(this.#sets, (size) => neededAt(this.#level, size));
    for (const nodeId of this.#writeBackFailed) held.fail(nodeId);
    for (const [nodeId, dot] of this.#known) if (dot !== null && this.#isWinner(dot)) held.acknowledge(nodeId);
    return held;
  }

  #lacking(held: LevelTally): string[] {
    return nodesOf(this.#sets).filter((nodeId) => !held.acknowledged.has(nodeId) && !this.#writeBackFailed.has(nodeId));
  }
}
