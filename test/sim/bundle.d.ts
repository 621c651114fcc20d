/** A deliberate change to one source: each first text stands there exactly once, and becomes the second. */
export interface Mutation {
  readonly file: string;
  readonly edits: readonly (readonly [from: string, to: string])[];
}

/** Bundles test/sim/main.ts with the sources it runs into one program in the folder; returns the program's path. */
export function bundleSimulation(folder: string, mutation?: Mutation): Promise<string>;
