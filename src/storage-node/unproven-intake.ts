/** A greeting, and a proof with the members of a large cluster: about 100 bytes for each. */
const UNPROVEN_BYTES_MAX = 256 * 1024;

interface Chunks {
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;
}

/** Counts what a stream sends before it has proved the cluster secret: beyond the limit it is broken off. */
export class UnprovenIntake {
  #proved = false;
  #bytes = 0;

  /** @param request whoever reads it from now on reads through here */
  constructor(request: Chunks) {
    const read = request[Symbol.asyncIterator].bind(request);
    request[Symbol.asyncIterator] = () => {
      const chunks = read();
      return {
        next: () => (this.#proved ? chunks.next() : this.#count(chunks)),
        return: () => chunks.return?.() ?? Promise.resolve({ done: true, value: undefined }),
      };
    };
  }

  /** Counts no longer. */
  proved(): void {
    this.#proved = true;
  }

  async #count(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    const result = await chunks.next();
    if (result.done || this.#proved) return result;
    this.#bytes += result.value.length;
    if (this.#bytes <= UNPROVEN_BYTES_MAX) return result;
    await chunks.return?.();
    throw new Error('too much was sent before the proof');
  }
}
