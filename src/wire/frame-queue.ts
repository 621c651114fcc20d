/** Frames on their way to a stream that takes them one by one. Pushing never waits; whoever pushes bounds it. */
export class FrameQueue<Frame> implements AsyncIterable<Frame> {
  #frames: Frame[] = [];
  #taken = 0;
  #ended = false;
  #wakeTaker: (() => void) | undefined;
  #wakePusher: (() => void) | undefined;

  /** Frames that were not taken yet. */
  get size(): number {
    return this.#frames.length - this.#taken;
  }

  /** Dropped after the end. */
  push(frame: Frame): void {
    if (this.#ended) return;
    this.#frames.push(frame);
    this.#wakeTaker?.();
  }

  /** What was pushed is still taken. */
  end(): void {
    this.#ended = true;
    this.#wakeTaker?.();
    this.#wakePusher?.();
  }

  /** Resolves when fewer frames than that wait, or at the end. One waiter at a time. */
  async below(size: number): Promise<void> {
    while (this.size >= size && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakePusher = resolve;
      });
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame> {
    for (;;) {
      if (this.#taken < this.#frames.length) {
        const frame = this.#frames[this.#taken++] as Frame; // in bounds
        if (this.#taken === this.#frames.length) {
          this.#frames = [];
          this.#taken = 0;
        }
        this.#wakePusher?.();
        yield frame;
      } else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wakeTaker = resolve;
        });
      }
    }
  }
}
