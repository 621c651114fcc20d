import type { Clock } from '../ports/clock.js';
import type { EngineWrite, StorageEngine } from '../ports/storage-engine.js';

/** A transaction that still gathers writes. */
export interface OpenCommit {
  /** A later write to the same key replaces the earlier one. */
  add(write: EngineWrite): void;
  /** Resolves when everything added is flushed; rejects with the engine's failure. */
  readonly flushed: Promise<void>;
}

interface Gathering extends OpenCommit {
  readonly writes: Map<string, EngineWrite>;
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
}

/**
 * One commit at a time: what arrives while one is flushed gathers for the next, so the cost of a flush is shared by
 * all who wait. After a failure nothing is committed any more, since it is unknown what survived.
 */
export class GroupCommit {
  readonly #engine: StorageEngine;
  readonly #clock: Clock;
  readonly #onFailure: (failure: unknown) => void;
  #gathering: Gathering | undefined;
  #busy = false;
  #failure: { readonly error: unknown } | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(engine: StorageEngine, clock: Clock, onFailure: (failure: unknown) => void) {
    this.#engine = engine;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** The transaction that writes of this turn join. */
  open(): OpenCommit {
    if (this.#gathering === undefined) {
      this.#gathering = gathering();
      this.#last = this.#gathering.flushed;
      // Some who open a commit need not wait for it; the failure reaches them through `onFailure`.
      this.#last.catch(() => {});
      if (!this.#busy) this.#clock.nextTurn(() => this.#begin());
    }
    return this.#gathering;
  }

  /** Resolves when everything opened so far is flushed. */
  idle(): Promise<void> {
    return this.#last;
  }

  #begin(): void {
    const commit = this.#gathering;
    if (commit === undefined || this.#busy) return;
    this.#gathering = undefined;
    if (this.#failure !== undefined) {
      commit.reject(this.#failure.error);
      return;
    }
    this.#busy = true;
    this.#engine.commit([...commit.writes.values()]).then(
      () => {
        this.#busy = false;
        commit.resolve();
        this.#begin();
      },
      (error: unknown) => {
        this.#busy = false;
        this.#failure = { error };
        commit.reject(error);
        this.#begin();
        this.#onFailure(error);
      },
    );
  }
}

function gathering(): Gathering {
  const writes = new Map<string, EngineWrite>();
  let resolve: () => void = () => {};
  let reject: (failure: unknown) => void = () => {};
  const flushed = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  const add = (write: EngineWrite) => {
    const { buffer, byteOffset, length } = write.key;
    writes.set(Buffer.from(buffer, byteOffset, length).toString('latin1'), write);
  };
  return { writes, add, flushed, resolve, reject };
}
