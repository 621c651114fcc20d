/** What waits for a flush; two seconds of a disk that takes 32 MB/s. Beyond it writes are refused, before anything of them is taken. */
const UNFLUSHED_BYTES_MAX = 64 * 1024 * 1024;
/** What an operation that waits for a flush takes besides its record. */
const OPERATION_BYTES = 1024;
/** Values in answers that coordinators did not take yet. */
const UNTAKEN_BYTES_MAX = 128 * 1024 * 1024;

/** What a storage node holds in memory for all its streams together; a stream that breaks and comes again does not reset it. */
export class NodeLoad {
  #unflushedBytes = 0;
  #untakenBytes = 0;

  get unflushedBytes(): number {
    return this.#unflushedBytes;
  }

  get untakenBytes(): number {
    return this.#untakenBytes;
  }

  /** Whether an operation with such a record may wait for a flush; a single one always may. */
  admitsUnflushed(recordBytes: number): boolean {
    return this.#unflushedBytes === 0 || this.#unflushedBytes + recordBytes + OPERATION_BYTES <= UNFLUSHED_BYTES_MAX;
  }

  /** An operation waits for a flush, until the returned function is called. */
  holdUnflushed(recordBytes: number): () => void {
    const bytes = recordBytes + OPERATION_BYTES;
    this.#unflushedBytes += bytes;
    return () => {
      this.#unflushedBytes -= bytes;
    };
  }

  get admitsUntaken(): boolean {
    return this.#untakenBytes < UNTAKEN_BYTES_MAX;
  }

  /** @param bytes negative when they were taken, or their stream is over */
  holdUntaken(bytes: number): void {
    this.#untakenBytes += bytes;
  }
}
