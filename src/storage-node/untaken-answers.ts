import type { Answer } from '../gen/storage/v1/storage_pb.js';
import type { NodeLoad } from './node-load.js';

const ANSWERS_PER_FRAME = 256;
/** Answers with values leave in frames of about this size. */
const FRAME_BYTES = 1024 * 1024;
/** A value beyond this travels in bulk: whatever is smaller goes before it. */
const SMALL_BYTES_MAX = 1024;
/** Of values that one stream's coordinator did not take: so many that the next frames are always at hand. */
const UNTAKEN_BYTES_MAX = 4 * 1024 * 1024;

/** The answers of one stream that are not in frames yet, since the coordinator has not taken the frames before. */
export class UntakenAnswers {
  readonly #load: NodeLoad;
  #small: Answer[] = [];
  #bulk: Answer[] = [];
  #bulkBytes = 0;

  constructor(load: NodeLoad) {
    this.#load = load;
  }

  /** Whether another value may be read for this stream; a stream that takes its answers is served whatever others do. */
  get admitsValue(): boolean {
    return this.#bulkBytes < UNTAKEN_BYTES_MAX && (this.#bulkBytes === 0 || this.#load.admitsUntaken);
  }

  add(answer: Answer): void {
    const bytes = valueBytes(answer);
    if (bytes <= SMALL_BYTES_MAX) {
      this.#small.push(answer);
      return;
    }
    this.#bulk.push(answer);
    this.#hold(bytes);
  }

  /** The answers of the next frame, small ones first; empty when there are none. */
  takeFrame(): Answer[] {
    const frame = this.#small.slice(0, ANSWERS_PER_FRAME);
    this.#small = this.#small.slice(frame.length);
    let bytes = 0;
    let taken = 0;
    for (const answer of this.#bulk) {
      const size = valueBytes(answer);
      if (frame.length === ANSWERS_PER_FRAME || (frame.length > 0 && bytes + size > FRAME_BYTES)) break;
      frame.push(answer);
      bytes += size;
      taken++;
    }
    this.#bulk = this.#bulk.slice(taken);
    this.#hold(-bytes);
    return frame;
  }

  /** The stream is over. */
  clear(): void {
    this.#small = [];
    this.#bulk = [];
    this.#hold(-this.#bulkBytes);
  }

  #hold(bytes: number): void {
    this.#bulkBytes += bytes;
    this.#load.holdUntaken(bytes);
  }
}

function valueBytes({ kind }: Answer): number {
  return kind.case === 'read' ? kind.value.record.length : 0;
}
