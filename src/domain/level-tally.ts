/** The node ids of each replica set that counts: one set, or two while two placements count. */
export type ReplicaSets = readonly (readonly string[])[];

export type TallyOutcome = 'pending' | 'reached' | 'unreachable';

/** Every node of any set, once. */
export function nodesOf(sets: ReplicaSets): string[] {
  return sets.length === 1 ? [...(sets[0] ?? [])] : [...new Set(sets.flat())];
}

/**
 * Counts who acknowledged and who failed, and tells whether the needed number is reached in every set. A node counts
 * once, in each set that it belongs to; an acknowledgement outweighs an earlier or later failure, unless it is withdrawn.
 */
export class LevelTally {
  readonly #sets: ReplicaSets;
  readonly #needed: readonly number[];
  readonly #acknowledged = new Set<string>();
  readonly #failed = new Set<string>();

  /** @param needed how many acknowledgements a set of the given size needs */
  constructor(sets: ReplicaSets, needed: (size: number) => number) {
    this.#sets = sets;
    this.#needed = sets.map((set) => needed(set.length));
  }

  acknowledge(nodeId: string): void {
    this.#acknowledged.add(nodeId);
    this.#failed.delete(nodeId);
  }

  fail(nodeId: string): void {
    if (!this.#acknowledged.has(nodeId)) this.#failed.add(nodeId);
  }

  /** The node failed after it had acknowledged: it counts as one that never did. */
  withdraw(nodeId: string): void {
    this.#acknowledged.delete(nodeId);
    this.#failed.add(nodeId);
  }

  get acknowledged(): ReadonlySet<string> {
    return this.#acknowledged;
  }

  get outcome(): TallyOutcome {
    let outcome: TallyOutcome = 'reached';
    for (const [i, set] of this.#sets.entries()) {
      const needed = this.#needed[i] ?? 0;
      // A set without members belongs to a ring without nodes: nobody can acknowledge.
      if (set.length === 0) return 'unreachable';
      if (count(set, this.#acknowledged) >= needed) continue;
      if (set.length - count(set, this.#failed) < needed) return 'unreachable';
      outcome = 'pending';
    }
    return outcome;
  }

  /** The greatest number of further acknowledgements that some set needs; 0 when reached. */
  get missing(): number {
    return Math.max(0, ...this.#sets.map((set, i) => (this.#needed[i] ?? 0) - count(set, this.#acknowledged)));
  }
}

function count(set: readonly string[], among: ReadonlySet<string>): number {
  let found = 0;
  for (const nodeId of set) if (among.has(nodeId)) found++;
  return found;
}
