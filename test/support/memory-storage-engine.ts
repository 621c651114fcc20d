import type { Clock } from '../../src/ports/clock.js';
import type { EngineEntry, EngineWrite, StorageEngine } from '../../src/ports/storage-engine.js';

/** What one data folder holds for good: outlives the engines that are opened on it. */
export class MemoryDisk {
  readonly entries = new Map<string, Uint8Array>();
  /** Every commit fails from now on, as on a full disk. */
  full = false;
  /** What the file system tells. */
  freeBytes = Number.POSITIVE_INFINITY;
  /** Called when a commit has reached it. */
  onStored: (writes: readonly EngineWrite[]) => void = () => {};
}

interface Commit {
  readonly writes: readonly EngineWrite[];
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
}

/**
 * Shows commits at once and flushes them later, one after the other: as hostile as the port allows. A crash loses what
 * was not flushed.
 */
export class MemoryStorageEngine implements StorageEngine {
  readonly #disk: MemoryDisk;
  readonly #clock: Clock;
  readonly #flushMs: () => number;
  readonly #unflushed = new Map<string, { readonly value: Uint8Array | undefined; readonly commit: Commit }>();
  readonly #queue: Commit[] = [];
  #idle: (() => void)[] = [];
  #gone = false;

  constructor(disk: MemoryDisk, clock: Clock, flushMs: () => number) {
    this.#disk = disk;
    this.#clock = clock;
    this.#flushMs = flushMs;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const name = nameOf(key);
    const begun = this.#unflushed.get(name);
    const value = begun === undefined ? this.#disk.entries.get(name) : begun.value;
    return value === undefined ? undefined : new Uint8Array(value);
  }

  *range(start: Uint8Array, end: Uint8Array): Generator<EngineEntry> {
    const [from, to] = [nameOf(start), nameOf(end)];
    const names = new Set([...this.#disk.entries.keys(), ...this.#unflushed.keys()]);
    const wanted = [...names].filter((name) => name >= from && name < to).sort();
    const entries = wanted.map((name) => ({
      key: Buffer.from(name, 'latin1'),
      value: this.get(Buffer.from(name, 'latin1')),
    }));
    for (const { key, value } of entries) if (value !== undefined) yield { key, value };
  }

  commit(writes: readonly EngineWrite[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const kept = writes.map(({ key, value }) => ({
        key: new Uint8Array(key),
        value: value === undefined ? undefined : new Uint8Array(value),
      }));
      const commit: Commit = { writes: kept, resolve, reject };
      for (const { key, value } of kept) this.#unflushed.set(nameOf(key), { value, commit });
      if (this.#queue.push(commit) === 1) this.#flushNext();
    });
  }

  async close(): Promise<void> {
    if (this.#queue.length > 0 && !this.#gone) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#gone = true;
  }

  /**
   * The process is gone: nothing begun is told of any more.
   * @param flushes how many of the commits under way reached the disk all the same
   */
  crash(flushes: number): void {
    this.#gone = true;
    for (const commit of this.#queue.slice(0, flushes)) this.#store(commit);
  }

  #flushNext(): void {
    this.#clock.after(this.#flushMs(), () => {
      const commit = this.#queue[0];
      if (this.#gone || commit === undefined) return;
      if (this.#disk.full) {
        this.#queue.shift();
        for (const { key } of commit.writes) this.#forget(nameOf(key), commit);
        commit.reject(new Error('ENOSPC: no space left on device'));
      } else {
        this.#store(commit);
        this.#queue.shift();
        commit.resolve();
      }
      if (this.#queue.length > 0) this.#flushNext();
      else for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  #store(commit: Commit): void {
    for (const { key, value } of commit.writes) {
      const name = nameOf(key);
      if (value === undefined) this.#disk.entries.delete(name);
      else this.#disk.entries.set(name, value);
      this.#forget(name, commit);
    }
    this.#disk.onStored(commit.writes);
  }

  #forget(name: string, commit: Commit): void {
    if (this.#unflushed.get(name)?.commit === commit) this.#unflushed.delete(name);
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
