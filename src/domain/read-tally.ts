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
  /** The winning version is known by its dot only: read its value from these, its known holders first. */
  | { readonly kind: 'fetch'; readonly dot: Dot; readonly nodeIds: readonly string[] }
  /** Too few replicas are known to hold the winning version: merge the record into those that may lack it. */
  | { readonly kind: 'write_back'; readonly record: VersionedRecord; readonly lacking: readonly string[] }
  /** @property lacking too few replicas answer, or too few can be brought to hold the winning version */
  | { readonly kind: 'unreachable'; readonly lacking: 'answers' | 'copies' };

/**
 * Decides a read: the version with the greatest dot wins, and it is answered only when the level's number of replicas
 * has held it while the read ran (the write-back of Attiya, Bar-Noy and Dolev, 1995). A write-back that is passed
 * makes the newer version the winner. Where nobody gives the winner's value, its holders count as never heard: a read
 * may leave out whom it likes, as long as enough others answered.
 */
export class ReadTally {
  readonly #sets: ReplicaSets;
  readonly #level: Level;
  readonly #answered: LevelTally;
  /** What each node that answered told last; null for absent. */
  readonly #known = new Map<string, Clock | null>();
  readonly #failed = new Set<string>();
  readonly #fetchFailed = new Set<string>();
  readonly #writeBackFailed = new Set<string>();
  readonly #withdrawn = new Set<string>();
  /** The join of what is known. */
  #clock: Clock = [];
  #winner: Dot | undefined;
  #record: VersionedRecord | undefined;

  constructor(sets: ReplicaSets, level: Level) {
    this.#sets = sets;
    this.#level = level;
    this.#answered = new LevelTally(sets, (size) => neededAt(level, size));
  }

  answer(nodeId: string, reading: Reading): void {
    if (this.#withdrawn.has(nodeId)) return;
    this.#answered.acknowledge(nodeId);
    if (reading.kind === 'absent') {
      if (!this.#known.has(nodeId)) this.#known.set(nodeId, null);
    } else {
      this.#learn(nodeId, reading.kind === 'head' ? reading.clock : reading.record.clock);
      if (reading.kind === 'record' && this.#isWinner(reading.record.version.dot)) this.#record = reading.record;
    }
    this.#withdrawHolders();
  }

  fail(nodeId: string): void {
    this.#answered.fail(nodeId);
    this.#failed.add(nodeId);
    this.#withdrawHolders();
  }

  /** The node didn't give the value of the dot, whether it failed or answered with less. */
  failFetch(nodeId: string, dot: Dot): void {
    if (this.#record !== undefined || !this.#isWinner(dot)) return;
    this.#fetchFailed.add(nodeId);
    this.#withdrawHolders();
  }

  /** @param clock what the node holds after the merge: the written-back version, or a greater one that passed it */
  acknowledgeWriteBack(nodeId: string, clock: Clock): void {
    if (!this.#withdrawn.has(nodeId)) this.#learn(nodeId, clock);
  }

  failWriteBack(nodeId: string): void {
    this.#writeBackFailed.add(nodeId);
  }

  get step(): ReadStep {
    const { outcome } = this.#answered;
    if (outcome === 'unreachable') return { kind: 'unreachable', lacking: 'answers' };
    if (outcome === 'pending') return { kind: 'pending' };
    if (this.#winner === undefined) return { kind: 'absent' };
    if (this.#record === undefined) return { kind: 'fetch', dot: this.#winner, nodeIds: this.#fetchable };
    const held = this.#heldTally();
    // The joined clock's greatest entry is the winner: each clock's greatest entry is its version's dot.
    const record = { clock: this.#clock, version: this.#record.version };
    if (held.outcome === 'reached') return { kind: 'found', record };
    if (held.outcome === 'unreachable') return { kind: 'unreachable', lacking: 'copies' };
    return { kind: 'write_back', record, lacking: this.#lacking(held) };
  }

  /** Nodes known to hold the winning version. */
  get heldCount(): number {
    return this.#heldTally().acknowledged.size;
  }

  get answeredCount(): number {
    return this.#answered.acknowledged.size;
  }

  /** What each node that answered told, in words. */
  get answers(): ReadonlyMap<string, string> {
    const words = (clock: Clock | null) => (this.#isWinner(clock?.[0]) ? 'holds the newest value' : 'answered');
    return new Map([...this.#known].map(([nodeId, clock]) => [nodeId, words(clock)]));
  }

  /** Nodes that answered with less than the winner: worth repairing in the background once the read is decided. */
  get behind(): string[] {
    const winner = this.#winner;
    if (winner === undefined) return [];
    return [...this.#known].filter(([, clock]) => !this.#isWinner(clock?.[0])).map(([nodeId]) => nodeId);
  }

  #learn(nodeId: string, clock: Clock): void {
    const dot = clock[0];
    if (dot === undefined) return;
    const told = this.#known.get(nodeId) ?? [];
    this.#known.set(nodeId, told.length === 0 ? clock : joinClocks(told, clock));
    this.#clock = this.#clock.length === 0 ? clock : joinClocks(this.#clock, clock);
    if (this.#winner !== undefined && compareDots(dot, this.#winner) <= 0) return;
    this.#winner = dot;
    this.#record = undefined;
    this.#fetchFailed.clear();
    this.#writeBackFailed.clear();
  }

  #isWinner(dot: Dot | undefined): boolean {
    return dot !== undefined && this.#winner !== undefined && sameDot(dot, this.#winner);
  }

  /** Who may give the winner's value: who is known to hold it, then who was not heard yet. */
  get #fetchable(): string[] {
    const untold = (nodeId: string) => !this.#known.has(nodeId) && !this.#failed.has(nodeId);
    const nodeIds = [...this.#holders, ...nodesOf(this.#sets).filter(untold)];
    return nodeIds.filter((nodeId) => !this.#fetchFailed.has(nodeId));
  }

  get #holders(): string[] {
    return [...this.#known].filter(([, clock]) => this.#isWinner(clock?.[0])).map(([nodeId]) => nodeId);
  }

  /** Once nobody is left who could give the winner's value, the greatest version of the other replicas wins. */
  #withdrawHolders(): void {
    while (this.#winner !== undefined && this.#record === undefined && this.#fetchable.length === 0) {
      for (const nodeId of this.#holders) {
        this.#withdrawn.add(nodeId);
        this.#failed.add(nodeId);
        this.#known.delete(nodeId);
        this.#answered.withdraw(nodeId);
      }
      this.#fetchFailed.clear();
      this.#clock = [...this.#known.values()].reduce<Clock>((joined, clock) => joinClocks(joined, clock ?? []), []);
      this.#winner = this.#clock[0];
    }
  }

  /** Who has held the winning version while the read ran; those whose write-back failed can't be counted on. */
  #heldTally(): LevelTally {
    const held = new LevelTally(this.#sets, (size) => neededAt(this.#level, size));
    for (const nodeId of [...this.#writeBackFailed, ...this.#withdrawn]) held.fail(nodeId);
    for (const nodeId of this.#holders) held.acknowledge(nodeId);
    return held;
  }

  #lacking(held: LevelTally): string[] {
    const isOut = (nodeId: string) => this.#writeBackFailed.has(nodeId) || this.#withdrawn.has(nodeId);
    return nodesOf(this.#sets).filter((nodeId) => !held.acknowledged.has(nodeId) && !isOut(nodeId));
  }
}
