/** Compiles src into dist when a source is newer. @throws Error with the compiler's output */
export function ensureBuilt(): void;
