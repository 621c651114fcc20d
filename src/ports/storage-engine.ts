/** One change of an atomic commit; an undefined value removes the key. */
export interface EngineWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface EngineEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * The ordered byte store of one storage node: keys up to 1,100 bytes, compared as unsigned bytes. It owns its data
 * folder alone. What it gives out is the caller's.
 */
export interface StorageEngine {
  /** What the last commit that was begun holds or, before it is visible, the one before; not necessarily flushed. */
  get(key: Uint8Array): Uint8Array | undefined;

  /** Entries with `start` <= key < `end`, ascending, as of one moment; may include what is not yet flushed. */
  range(start: Uint8Array, end: Uint8Array): Iterable<EngineEntry>;

  /**
   * Applies the writes in one transaction, after every commit begun before. Resolves once they are flushed: they
   * survive a loss of power, and so do all commits begun before. Rejects when nothing of it was applied or it is
   * unknown whether it will survive; the caller must then stop serving.
   */
  commit(writes: readonly EngineWrite[]): Promise<void>;

  /** Waits for what was begun, then lets the data folder go. */
  close(): Promise<void>;
}
