/** The slots of frames that were taken are given up this many at a time, so that giving them up costs next to nothing. */
const TAKEN_SLOTS_MAX = 64;

/**
 * Frames on their way to a stream that takes them one by one. Pushing never waits; whoever pushes asks `isEmpty` first,
 * and again whenever a frame was taken.
 */
export class FrameQueue<Frame> implements AsyncIterable<Frame> {
  readonly #onTaken: () => void;
  #frames: (Frame | undefined)[] = [];
  #taken = 0;
  #ended = false;
  #wakeTaker: (() => void) | undefined;

  /** @param onTaken called when the stream took a frame, before it has it; may push */
  constructor(onTaken: () => void = () => {}) {
    this.#onTaken = onTaken;
  }

  /** Every frame was taken. */
  get isEmpty(): boolean {
    return this.#taken === this.#frames.length;
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
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame> {
    for (;;) {
      if (!this.isEmpty) {
        const frame = this.#take();
        this.#onTaken();
        yield frame;
      } else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wakeTaker = resolve;
        });
      }
    }
  }

  #take(): Frame {
    const frame = this.#frames[this.#taken] as Frame; // in bounds
    this.#frames[this.#taken++] = undefined;
    if (this.isEmpty || this.#taken === TAKEN_SLOTS_MAX) {
      this.#frames = this.#frames.slice(this.#taken);
      this.#taken = 0;
    }
    return frame;
  }
}
