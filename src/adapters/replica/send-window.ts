/** What is sent and unanswered should be answered after about this long; more would only wait elsewhere: in buffers of the network, in the node. */
const TARGET_MS = 250;
/** At least this, one frame: half a second of a link of 2 MB/s, and enough for a disk whose every flush is slow to have many writes in each. */
const WINDOW_BYTES_MIN = 1024 * 1024;
const WINDOW_BYTES_INITIAL = 4 * 1024 * 1024;
/** At most this, whatever the node answers: bounds what one coordinator makes a node hold. */
const WINDOW_BYTES_MAX = 16 * 1024 * 1024;
/** A window changes at most by this factor for each round of answers. */
const CHANGE_MAX = 2;
/** Of a new answer in the time that answers are expected to take. */
const NEW_SHARE = 1 / 8;
/** An answer is given this much more time than the last took; but never more than the second, so that a node that was slow once is tried again. */
const ANSWER_TIME_FACTOR = 1.25;
const ANSWER_TIME_MS_MAX = 500;

/**
 * How many bytes may be unanswered on one stream: what the link and the node work off within the target, as seen by the
 * time that answers take (as LEDBAT does, RFC 6817). So a slow link or disk holds little that is in vain once its
 * deadline is over, and a fast one is kept busy.
 */
export class SendWindow {
  #bytesMax = WINDOW_BYTES_INITIAL;
  #unansweredBytes = 0;
  /** Something had to wait for the window since it last changed. */
  #wasFull = false;
  /** Answers to what was sent before tell of the window before. */
  #changedAtMs = Number.NEGATIVE_INFINITY;
  #answerMs = 0;

  get unansweredBytes(): number {
    return this.#unansweredBytes;
  }

  /** Whether as much more may be sent now; a single operation always may, however large. */
  admits(bytes: number): boolean {
    const admitted = this.#unansweredBytes === 0 || this.#unansweredBytes + bytes <= this.#bytesMax;
    if (!admitted) this.#wasFull = true;
    return admitted;
  }

  /** How long an answer may take; what has less time left is not worth sending. */
  get answerTimeMs(): number {
    return Math.min(this.#answerMs * ANSWER_TIME_FACTOR, ANSWER_TIME_MS_MAX);
  }

  sent(bytes: number): void {
    this.#unansweredBytes += bytes;
  }

  answered(bytes: number, sentAtMs: number, nowMs: number): void {
    this.#unansweredBytes -= bytes;
    const tookMs = nowMs - sentAtMs;
    this.#answerMs += (tookMs - this.#answerMs) * NEW_SHARE;
    if (sentAtMs < this.#changedAtMs) return;
    if (tookMs > TARGET_MS || this.#wasFull) this.#change(TARGET_MS / Math.max(1, tookMs), nowMs);
  }

  /** The node has too much to do: it took nothing. */
  refused(bytes: number, sentAtMs: number, nowMs: number): void {
    this.#unansweredBytes -= bytes;
    if (sentAtMs >= this.#changedAtMs) this.#change(1 / CHANGE_MAX, nowMs);
  }

  /** No answer is expected any more. */
  forgotten(bytes: number): void {
    this.#unansweredBytes -= bytes;
  }

  #change(factor: number, nowMs: number): void {
    const bounded = Math.min(CHANGE_MAX, Math.max(1 / CHANGE_MAX, factor));
    this.#bytesMax = Math.min(WINDOW_BYTES_MAX, Math.max(WINDOW_BYTES_MIN, this.#bytesMax * bounded));
    this.#changedAtMs = nowMs;
    this.#wasFull = false;
  }
}
