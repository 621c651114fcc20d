import type { Clock, Timer } from '../ports/clock.js';

/** How long what was seen of the disk counts: the longest that a node goes on refusing once there is room again. */
const LOOK_EVERY_MS = 1000;
/** Less taken than this needs no look before its time, however low the floor is. */
const LOOK_AFTER_BYTES_MIN = 256 * 1024;
/** What a write may make the folder grow by beside its record: LMDB copies the pages on its way, of 4 KiB each. */
const WRITE_OVERHEAD_BYTES = 16 * 1024;
/** The node's own entries, and a piece of an erasure, need this much, whatever the floor: hundreds of LMDB's pages. */
const OWN_ENTRIES_BYTES = 512 * 1024;

export interface DiskSpace {
  /** Of the file system that holds the data folder. */
  readonly freeBytes: () => Promise<number>;
  /** The floor: with less free space no writes are taken. */
  readonly freeBytesMin: number;
}

/** Where nobody runs out of room. */
export const ENDLESS_DISK: DiskSpace = { freeBytes: async () => Number.POSITIVE_INFINITY, freeBytesMin: 0 };

/**
 * Whether the disk has room. LMDB must never find that it has none: after a commit that failed for it the process's memory
 * may be damaged, so a node then ends. What is taken between two looks counts as grown by then, and the looks come more
 * often the faster that is; the floor is for others who fill the disk meanwhile.
 */
export class DiskRoom {
  readonly #space: DiskSpace;
  readonly #clock: Clock;
  #freeBytes = 0;
  /** Taken since the last look began, and between that and the one before: some of it may not be written yet. */
  #takenBytes = 0;
  #takenBeforeBytes = 0;
  #lookedMs = 0;
  #looking = false;
  /** Runs while there is no room. */
  #again: Timer | undefined;

  private constructor(space: DiskSpace, clock: Clock) {
    this.#space = space;
    this.#clock = clock;
  }

  static async open(space: DiskSpace, clock: Clock): Promise<DiskRoom> {
    const room = new DiskRoom(space, clock);
    await room.#look();
    return room;
  }

  /** Whether a write with so many bytes is taken; one that is counts as written. Asks the disk now and then only. */
  take(bytes: number): boolean {
    if (!this.#looking && this.#isDue()) void this.#look();
    if (!this.#has(bytes)) {
      this.#lookAgain();
      return false;
    }
    this.#takenBytes += bytes + WRITE_OVERHEAD_BYTES;
    return true;
  }

  /** Whether the node's own entries can be written: asks the disk each time. */
  async hasForOwnEntries(): Promise<boolean> {
    return (await this.#space.freeBytes()) >= OWN_ENTRIES_BYTES;
  }

  /** Resolves once the node's own entries can be written. */
  async untilOwnEntriesFit(): Promise<void> {
    while (!(await this.hasForOwnEntries())) {
      await new Promise<void>((again) => this.#clock.after(LOOK_EVERY_MS, again));
    }
  }

  #isDue(): boolean {
    const lookAfterBytes = Math.max(LOOK_AFTER_BYTES_MIN, this.#space.freeBytesMin / 4);
    return this.#takenBytes >= lookAfterBytes || this.#clock.monotonicMs() - this.#lookedMs >= LOOK_EVERY_MS;
  }

  #has(bytes: number): boolean {
    const takenBytes = this.#takenBeforeBytes + this.#takenBytes + bytes + WRITE_OVERHEAD_BYTES;
    return this.#freeBytes - takenBytes >= this.#space.freeBytesMin;
  }

  /** Goes on until there is room: whoever was refused may come again much later, and what the disk says is known then. */
  #lookAgain(): void {
    this.#again ??= this.#clock.after(LOOK_EVERY_MS, () => {
      this.#again = undefined;
      if (!this.#looking) void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#lookedMs = this.#clock.monotonicMs();
    this.#takenBeforeBytes = this.#takenBytes;
    this.#takenBytes = 0;
    try {
      this.#freeBytes = await this.#space.freeBytes();
    } catch {
      // A disk that does not tell has no room as far as anybody knows.
      this.#freeBytes = 0;
    }
    this.#looking = false;
    if (!this.#has(0)) this.#lookAgain();
  }
}
