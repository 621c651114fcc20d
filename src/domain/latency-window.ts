const SAMPLES = 128;
/** Sorting costs microseconds: the estimate is renewed for a few answers at once, but for each of the first ones. */
const RECOMPUTE_EVERY = 16;

/** The 95th percentile of a node's recent answers, for hedging (Dean and Barroso, "The Tail at Scale", 2013). */
export class LatencyWindow {
  readonly #samples = new Float64Array(SAMPLES);
  #count = 0;
  #p95Ms: number;

  /** @param initialMs the estimate until an answer was seen */
  constructor(initialMs: number) {
    this.#p95Ms = initialMs;
  }

  add(latencyMs: number): void {
    this.#samples[this.#count++ % SAMPLES] = latencyMs;
    if (this.#count > RECOMPUTE_EVERY && this.#count % RECOMPUTE_EVERY !== 0) return;
    const seen = this.#samples.slice(0, Math.min(this.#count, SAMPLES)).sort();
    this.#p95Ms = seen[Math.floor(seen.length * 0.95)] ?? this.#p95Ms;
  }

  /** Nobody waited any longer: the answer would have taken more than this, so it never makes the node look faster. */
  addTimeout(waitedMs: number): void {
    this.add(Math.max(waitedMs, this.#p95Ms));
  }

  get p95Ms(): number {
    return this.#p95Ms;
  }
}
