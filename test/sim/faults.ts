import { CLOCK_FAULTS } from './clock-faults.js';
import type { FaultKind } from './fault-kind.js';
import { FOLDER_FAULTS } from './folder-faults.js';
import { PROCESS_FAULTS } from './process-faults.js';
import type { SimWorld } from './sim-world.js';
import { SURROUNDING_FAULTS } from './surrounding-faults.js';

export const FAULT_KINDS: readonly FaultKind[] = [
  ...PROCESS_FAULTS,
  ...SURROUNDING_FAULTS,
  ...CLOCK_FAULTS,
  ...FOLDER_FAULTS,
];

/** Injects faults of a few kinds, drawn from the seed, until stopped; then the weather is fair and everybody runs. */
export class Faults {
  readonly injected = new Map<string, number>();
  /** What was done when, for people. */
  readonly log: string[] = [];
  readonly #world: SimWorld;
  readonly #kinds: readonly FaultKind[];
  readonly #undo = new Set<() => void>();
  /** Between faults at most so long: too many at once, and nothing is ever acknowledged. */
  readonly #calmMaxMs: number;
  #stopped = false;

  /** @param only the kinds to draw from; empty means all */
  constructor(world: SimWorld, only: readonly string[]) {
    this.#world = world;
    // Few kinds at once go deeper than all of them together (Groce et al., "Swarm Testing", 2012).
    const share = world.choice.between(0.15, 0.8);
    this.#calmMaxMs = world.choice.oneOf([100, 300, 600, 1200]);
    this.#kinds =
      only.length > 0
        ? FAULT_KINDS.filter(({ name }) => only.includes(name))
        : FAULT_KINDS.filter((kind) => world.choice.chance(share * (kind.share ?? 1)));
  }

  start(): void {
    if (this.#kinds.length > 0) this.#next();
  }

  stop(): void {
    this.#stopped = true;
    for (const undo of [...this.#undo]) undo();
    this.#world.store.jumpClock(0);
    for (const part of [...this.#world.nodes, ...this.#world.coordinators]) {
      part.jumpClock(0);
      part.process.resume();
      if (!part.process.alive) void part.start();
    }
    this.log.push(`${this.#world.nowMs.toFixed(2).padStart(10)}  faults end`);
  }

  #next(): void {
    const { clock, choice } = this.#world;
    clock.after(choice.between(2, this.#calmMaxMs), () => {
      if (this.#stopped) return;
      this.#inject(choice.oneOf(this.#kinds));
      this.#next();
    });
  }

  #inject({ name, inject }: FaultKind): void {
    const { clock, choice, nowMs } = this.#world;
    const fault = inject(this.#world);
    if (fault === undefined) return;
    this.injected.set(name, (this.injected.get(name) ?? 0) + 1);
    this.log.push(`${nowMs.toFixed(2).padStart(10)}  ${fault.what}`);
    const { undo } = fault;
    if (undo === undefined) return;
    const once = () => {
      if (!this.#undo.delete(once)) return;
      undo();
      this.log.push(`${clock.monotonicMs().toFixed(2).padStart(10)}  over: ${fault.what}`);
    };
    this.#undo.add(once);
    clock.after(fault.forMs ?? (choice.chance(0.5) ? choice.between(1, 40) : choice.between(20, 1000)), once);
  }
}
