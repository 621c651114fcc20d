import type { SimWorld } from './sim-world.js';

/** One kind of fault: done at once, and undone after a while. */
export interface FaultKind {
  readonly name: string;
  /** How often a seed has it, compared with the others: 1 where nothing is said. */
  readonly share?: number;
  /** Does it, and says what was done and how to undo it; undefined when there is nothing to do it to. */
  readonly inject: (
    world: SimWorld,
  ) => { readonly what: string; readonly undo?: () => void; readonly forMs?: number } | undefined;
}
