import type { Answer, Batch, Operation } from '../../gen/storage/v1/storage_pb.js';
import type { ReplicaFailure } from '../../ports/replica-stream.js';

const OPERATIONS_PER_BATCH = 256;
const BATCH_BYTES = 1024 * 1024;

export interface QueuedOperation {
  readonly epoch: number;
  readonly kind: Operation['kind'];
  /** About what it takes on the wire. */
  readonly bytes: number;
  /** A point of the monotonic clock. */
  readonly deadlineMs: number;
  /** Called exactly once. */
  readonly settle: (outcome: Answer['kind'] | ReplicaFailure) => void;
}

interface Unanswered {
  readonly operation: QueuedOperation;
  readonly sentAtMs: number;
}

/** The operations of one stream: those that wait for the next batches, and those sent and not answered yet. */
export class OperationQueue {
  #waiting: QueuedOperation[] = [];
  #waitingBytes = 0;
  readonly #unanswered = new Map<number, Unanswered>();
  #lastId = 0;

  get size(): number {
    return this.#waiting.length + this.#unanswered.size;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  push(operation: QueuedOperation): void {
    this.#waiting.push(operation);
    this.#waitingBytes += operation.bytes;
  }

  /** Moves what waits into batches: in order, one epoch each. What is past its deadline is not sent. */
  takeBatches(nowMs: number): Batch[] {
    const batches: Batch[] = [];
    let open: { readonly batch: Batch; bytes: number } | undefined;
    for (const operation of this.#waiting) {
      const { epoch, kind, bytes, deadlineMs } = operation;
      if (deadlineMs <= nowMs) {
        operation.settle({ kind: 'failed', reason: 'timed out before it was sent', sent: false });
        continue;
      }
      const full =
        open !== undefined &&
        (open.batch.operations.length === OPERATIONS_PER_BATCH || open.bytes + bytes > BATCH_BYTES);
      if (open === undefined || full || open.batch.epoch !== epoch) {
        open = { batch: { $typeName: 'storage.v1.Batch', epoch, operations: [] }, bytes: 0 };
        batches.push(open.batch);
      }
      const id = this.#nextId();
      open.batch.operations.push({ $typeName: 'storage.v1.Operation', id, kind });
      open.bytes += bytes;
      this.#unanswered.set(id, { operation, sentAtMs: nowMs });
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
    return batches;
  }

  /** Settles the operation; returns how long its answer took, undefined for one that is over already. */
  answer({ id, kind }: Answer, nowMs: number): number | undefined {
    const unanswered = this.#unanswered.get(id);
    if (unanswered === undefined) return undefined;
    this.#unanswered.delete(id);
    unanswered.operation.settle(kind);
    return nowMs - unanswered.sentAtMs;
  }

  /** Ends what is past its deadline, telling how long each sent one has waited; returns the earliest deadline of the rest. */
  expire(nowMs: number, onTimeout: (waitedMs: number) => void): number | undefined {
    let earliestMs: number | undefined;
    const isOver = (deadlineMs: number) => {
      if (deadlineMs <= nowMs) return true;
      earliestMs = Math.min(deadlineMs, earliestMs ?? deadlineMs);
      return false;
    };
    for (const [id, { operation, sentAtMs }] of this.#unanswered) {
      if (!isOver(operation.deadlineMs)) continue;
      this.#unanswered.delete(id);
      onTimeout(nowMs - sentAtMs);
      operation.settle({ kind: 'failed', reason: 'timed out', sent: true });
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const operation of waiting) {
      if (isOver(operation.deadlineMs))
        operation.settle({ kind: 'failed', reason: 'timed out before it was sent', sent: false });
      else this.push(operation);
    }
    return earliestMs;
  }

  /** The stream broke: nothing is answered any more. */
  failAll(reason: string): void {
    const waiting = this.#waiting;
    const unanswered = [...this.#unanswered.values()];
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#unanswered.clear();
    for (const { settle } of waiting) settle({ kind: 'failed', reason, sent: false });
    for (const { operation } of unanswered) operation.settle({ kind: 'failed', reason, sent: true });
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#unanswered.has(this.#lastId));
    return this.#lastId;
  }
}
