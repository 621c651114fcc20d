import { type Clock, joinClocks } from './clock.js';
import { type Level, neededAt } from './level.js';
import { LevelTally, type ReplicaSets, type TallyOutcome } from './level-tally.js';

/** Collects the answers to one write. *Held* and *passed* both count to the level: see docs/architecture.md, "Write". */
export class WriteTally {
  readonly #tally: LevelTally;
  readonly #passed = new Set<string>();
  #clock: Clock;

  /** @param clock the clock of the sent record */
  constructor(sets: ReplicaSets, level: Level, clock: Clock) {
    this.#tally = new LevelTally(sets, (size) => neededAt(level, size));
    this.#clock = clock;
  }

  /**
   * @param kind whether the replica holds the sent version, or a greater one that passed it
   * @param clock what the replica holds after the merge
   */
  acknowledge(nodeId: string, kind: 'held' | 'passed', clock: Clock): void {
    this.#tally.acknowledge(nodeId);
    if (kind === 'passed') this.#passed.add(nodeId);
    this.#clock = joinClocks(this.#clock, clock);
  }

  fail(nodeId: string): void {
    this.#tally.fail(nodeId);
  }

  get outcome(): TallyOutcome {
    return this.#tally.outcome;
  }

  get replicaCount(): number {
    return this.#tally.acknowledged.size;
  }

  /** What each replica that acknowledged did, in words. */
  get answers(): ReadonlyMap<string, string> {
    const words = (nodeId: string) => (this.#passed.has(nodeId) ? 'has a newer version' : 'holds it');
    return new Map([...this.#tally.acknowledged].map((nodeId) => [nodeId, words(nodeId)]));
  }

  /** The join of the sent and the acknowledged clocks. */
  get clock(): Clock {
    return this.#clock;
  }
}
