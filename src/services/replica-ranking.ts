import { type Level, neededAt } from '../domain/level.js';
import type { ReplicaStreams } from '../ports/replica-stream.js';
import type { ReplicaPlan } from './replica-plan.js';

/** A replica is slow when its 95th percentile is more than this many times the fastest's of its set ... */
const SLOW_TIMES = 4;
/** ... and stays so until it is less than this many times, so that it doesn't go to and fro. */
const RECOVERED_TIMES = 2;
/** Below this nobody is slow: an even share of the load is worth more than so little time. */
const SLOW_MIN_MS = 5;
/** Reads that leave a slow replica out ask it for a head once in so many times: so it is seen to be fast again. */
const PROBE_EVERY = 100;
/** Nodes that are remembered as slow; beyond it all are judged anew. */
const SLOW_NODES_MAX = 1000;
/** A read waits at least so long before it asks a further replica ... */
const HEDGE_MIN_MS = 2;
/** ... and so many times as long before it asks a slow one, which would seldom be the first to answer. */
const SLOW_HEDGE_TIMES = 4;

/** In which order a read asks its replicas, and how long it waits for them. */
export interface RankedReplicas {
  /** In ring order, which spreads the keys' first replicas evenly; then those that are slow, then those not connected. */
  readonly nodeIds: readonly string[];
  /** How long a read waits for others before it asks this one as well. */
  readonly hedgeMs: (nodeId: string) => number;
  /** A slow one that is asked for a head as well, whoever else is asked. */
  readonly probe: string | undefined;
}

/** Ranks replicas by how long they took of late: one slow replica must make neither reads wait nor hedges late. */
export class ReplicaRanking {
  readonly #replicas: ReplicaStreams;
  readonly #slow = new Set<string>();
  #leftOut = 0;

  constructor(replicas: ReplicaStreams) {
    this.#replicas = replicas;
  }

  rank({ nodeIds, placement }: ReplicaPlan, level: Level): RankedReplicas {
    const latencies = new Map<string, number>();
    const away: string[] = [];
    for (const nodeId of nodeIds) {
      const { usable, p95Ms } = this.#replicas.state(nodeId);
      if (usable === true) latencies.set(nodeId, p95Ms);
      else away.push(nodeId);
    }
    const fastestMs = Math.min(...latencies.values());
    const ready: string[] = [];
    const slow: string[] = [];
    for (const [nodeId, p95Ms] of latencies) (this.#isSlow(nodeId, p95Ms, fastestMs) ? slow : ready).push(nodeId);
    const usuallyMs = Math.max(HEDGE_MIN_MS, ...placement.sets.map((set) => usualMs(set, latencies, level)));
    const hedgeMs = (nodeId: string) => (slow.includes(nodeId) ? SLOW_HEDGE_TIMES * usuallyMs : usuallyMs);
    return { nodeIds: [...ready, ...slow, ...away], hedgeMs, probe: this.#probe(slow) };
  }

  #isSlow(nodeId: string, p95Ms: number, fastestMs: number): boolean {
    const times = this.#slow.has(nodeId) ? RECOVERED_TIMES : SLOW_TIMES;
    const isSlow = p95Ms > SLOW_MIN_MS && p95Ms > times * fastestMs;
    if (!isSlow) this.#slow.delete(nodeId);
    else {
      if (this.#slow.size >= SLOW_NODES_MAX) this.#slow.clear();
      this.#slow.add(nodeId);
    }
    return isSlow;
  }

  #probe(slow: readonly string[]): string | undefined {
    if (slow.length === 0 || ++this.#leftOut % PROBE_EVERY !== 0) return undefined;
    return slow[(this.#leftOut / PROBE_EVERY) % slow.length];
  }
}

/** What the slowest of the set's fastest replicas takes, as many as the level needs: those that could answer instead. */
function usualMs(set: readonly string[], latencies: ReadonlyMap<string, number>, level: Level): number {
  const ofSet = set.flatMap((nodeId) => latencies.get(nodeId) ?? []).sort((a, b) => a - b);
  return ofSet[Math.min(neededAt(level, set.length), ofSet.length) - 1] ?? 0;
}
