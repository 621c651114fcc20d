import { type Answer, type Batch, Failure_Reason, type Operation } from '../../gen/storage/v1/storage_pb.js';
import type { ReplicaFailure } from '../../ports/replica-stream.js';
import { SendWindow } from './send-window.js';

const OPERATIONS_PER_BATCH = 256;
const BATCH_BYTES = 1024 * 1024;
/** Operations that wait or are unanswered; together fewer than a node reads from one stream, so that it never stops reading. */
const BULK_OPERATIONS_MAX = 8192;
const SMALL_OPERATIONS_MAX = 4096;
/** Of writes and reads of values that wait: what a fast link carries within the timeout of a replica. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** What a read is expected to bring before any was answered; falls by this share with each smaller answer. */
const READ_BYTES_INITIAL = 64 * 1024;
const READ_BYTES_DECAY = 1 / 16;
/** An operation past its deadline may still be in the network or in the node; one that is lost there is given up after this. */
const LOST_AFTER_MS = 30_000;

/** Nothing that was sent when it came is judged by how long others took. */
const UNDELAYED_MS = 20;
const TIMED_OUT = 'timed out before it was sent';

/** The object itself is the handle by which it is taken back. */
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

/** Values travel in bulk; asks, heads and heartbeats are small and go before. */
interface Lane {
  readonly isBulk: boolean;
  readonly operationsMax: number;
  /** In order, each with the time at which it came. */
  readonly waiting: Map<QueuedOperation, number>;
  unanswered: number;
}

interface Sent {
  /** Undefined once its deadline is over: its answer concerns nobody, but what it occupies is occupied until then. */
  operation: QueuedOperation | undefined;
  readonly lane: Lane;
  readonly isRead: boolean;
  /** Of the window. */
  readonly bytes: number;
  readonly sentAtMs: number;
}

interface OpenBatch {
  readonly batch: Batch;
  bytes: number;
}

/**
 * The operations of one stream: those that wait, and those sent and not answered yet. Both are bounded in number and
 * in bytes, where a read counts with the answer that it will bring.
 */
export class OperationQueue {
  readonly #small: Lane = { isBulk: false, operationsMax: SMALL_OPERATIONS_MAX, waiting: new Map(), unanswered: 0 };
  readonly #bulk: Lane = { isBulk: true, operationsMax: BULK_OPERATIONS_MAX, waiting: new Map(), unanswered: 0 };
  readonly #sent = new Map<number, Sent>();
  #window = new SendWindow();
  #waitingBytes = 0;
  #readBytes = READ_BYTES_INITIAL;
  #lastId = 0;

  get hasWaiting(): boolean {
    return this.#small.waiting.size + this.#bulk.waiting.size > 0;
  }

  /** Of bulk, by the window's reckoning. */
  get unansweredBytes(): number {
    return this.#window.unansweredBytes;
  }

  /** @returns false when too much waits or is unanswered already: the operation is not taken */
  push(operation: QueuedOperation, nowMs: number): boolean {
    const lane = this.#laneOf(operation);
    if (lane.waiting.size + lane.unanswered >= lane.operationsMax) return false;
    if (lane.isBulk) {
      if (this.#waitingBytes + operation.bytes > WAITING_BYTES_MAX) return false;
      this.#waitingBytes += operation.bytes;
    }
    lane.waiting.set(operation, nowMs);
    return true;
  }

  /** Whether the operation is still here, and nothing of it was sent. */
  waits(operation: QueuedOperation): boolean {
    return this.#laneOf(operation).waiting.has(operation);
  }

  /** Nobody waits for the operation any more. @returns false when it is too late: it was sent, or has ended */
  takeBack(operation: QueuedOperation): boolean {
    if (!this.#remove(this.#laneOf(operation), operation)) return false;
    operation.settle(unsent('taken back before it was sent'));
    return true;
  }

  /** Makes the next batch of what waits, one epoch each; undefined when nothing may be sent now. */
  takeBatch(nowMs: number): Batch | undefined {
    const open: OpenBatch = { batch: { $typeName: 'storage.v1.Batch', epoch: -1, operations: [] }, bytes: 0 };
    this.#fill(open, this.#small, nowMs);
    this.#fill(open, this.#bulk, nowMs);
    return open.batch.operations.length === 0 ? undefined : open.batch;
  }

  /** Settles the operation; returns how long its answer took, undefined for one that is over already. */
  answer({ id, kind }: Answer, nowMs: number): number | undefined {
    const sent = this.#sent.get(id);
    if (sent === undefined) return undefined;
    const { operation, lane, bytes, sentAtMs } = sent;
    this.#sent.delete(id);
    lane.unanswered--;
    if (lane.isBulk) {
      if (isOverloaded(kind)) this.#window.refused(bytes, sentAtMs, nowMs);
      else this.#window.answered(bytes, sentAtMs, nowMs);
      if (sent.isRead) this.#noteReadBytes(kind.case === 'read' ? kind.value.record.length : 0);
    }
    if (operation === undefined) return undefined;
    operation.settle(kind);
    return nowMs - sentAtMs;
  }

  /**
   * Ends what is past its deadline, telling how long each sent one has waited; returns when to call again, undefined when
   * nothing is left.
   */
  expire(nowMs: number, onTimeout: (waitedMs: number) => void): number | undefined {
    let earliestMs: number | undefined;
    const isOver = (deadlineMs: number) => {
      if (deadlineMs <= nowMs) return true;
      if (earliestMs === undefined || deadlineMs < earliestMs) earliestMs = deadlineMs;
      return false;
    };
    for (const [id, sent] of this.#sent) {
      const { operation, lane, bytes, sentAtMs } = sent;
      if (operation !== undefined) {
        if (!isOver(operation.deadlineMs)) continue;
        sent.operation = undefined;
        onTimeout(nowMs - sentAtMs);
        operation.settle({ kind: 'failed', reason: 'timed out', sent: true });
      }
      if (!isOver(sentAtMs + LOST_AFTER_MS)) continue;
      this.#sent.delete(id);
      lane.unanswered--;
      if (lane.isBulk) this.#window.forgotten(bytes);
    }
    for (const lane of [this.#small, this.#bulk]) {
      for (const operation of lane.waiting.keys()) {
        if (!isOver(operation.deadlineMs)) continue;
        this.#remove(lane, operation);
        operation.settle(unsent(TIMED_OUT));
      }
    }
    return earliestMs;
  }

  /** The stream broke: nothing is answered any more. */
  failAll(reason: string): void {
    const waiting = [...this.#small.waiting.keys(), ...this.#bulk.waiting.keys()];
    const sent = [...this.#sent.values()];
    for (const lane of [this.#small, this.#bulk]) {
      lane.waiting.clear();
      lane.unanswered = 0;
    }
    this.#sent.clear();
    this.#waitingBytes = 0;
    this.#window = new SendWindow();
    for (const { settle } of waiting) settle(unsent(reason));
    for (const { operation } of sent) operation?.settle({ kind: 'failed', reason, sent: true });
  }

  /** Moves operations into the batch: in order, until it is full, the window is, or the epoch changes. */
  #fill(open: OpenBatch, lane: Lane, nowMs: number): void {
    const { batch } = open;
    for (const [operation, cameAtMs] of lane.waiting) {
      const { epoch, kind, bytes, deadlineMs } = operation;
      if (deadlineMs <= nowMs || (lane.isBulk && this.#isTooLate(deadlineMs - nowMs, nowMs - cameAtMs))) {
        this.#remove(lane, operation);
        operation.settle(unsent(deadlineMs <= nowMs ? TIMED_OUT : 'overloaded: its answer would come too late'));
        continue;
      }
      const { length } = batch.operations;
      if (length > 0 && (epoch !== batch.epoch || open.bytes + bytes > BATCH_BYTES)) return;
      const isRead = lane.isBulk && kind.case === 'read';
      const windowBytes = isRead ? bytes + this.#readBytes : bytes;
      if (length === OPERATIONS_PER_BATCH || (lane.isBulk && !this.#window.admits(windowBytes))) return;
      this.#remove(lane, operation);
      const id = this.#nextId();
      batch.epoch = epoch;
      batch.operations.push({ $typeName: 'storage.v1.Operation', id, kind });
      open.bytes += bytes;
      lane.unanswered++;
      if (lane.isBulk) this.#window.sent(windowBytes);
      this.#sent.set(id, { operation, lane, isRead, bytes: windowBytes, sentAtMs: nowMs });
    }
  }

  /**
   * Whether an operation is not sent although it has time left. Under lasting overload the first in the queue would else
   * be sent when its answer is just too late, and so would all that follow: half of its time is the answer's.
   */
  #isTooLate(leftMs: number, waitedMs: number): boolean {
    return waitedMs > UNDELAYED_MS && leftMs < Math.max(waitedMs, this.#window.answerTimeMs);
  }

  #laneOf({ kind }: QueuedOperation): Lane {
    const isBulk = kind.case === 'write' || (kind.case === 'read' && !kind.value.headOnly);
    return isBulk ? this.#bulk : this.#small;
  }

  #remove(lane: Lane, operation: QueuedOperation): boolean {
    if (!lane.waiting.delete(operation)) return false;
    if (lane.isBulk) this.#waitingBytes -= operation.bytes;
    return true;
  }

  /** As large as the largest of the last answers, more or less. */
  #noteReadBytes(bytes: number): void {
    this.#readBytes = Math.max(bytes, this.#readBytes * (1 - READ_BYTES_DECAY));
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#sent.has(this.#lastId));
    return this.#lastId;
  }
}

function unsent(reason: string): ReplicaFailure {
  return { kind: 'failed', reason, sent: false };
}

function isOverloaded(kind: Answer['kind']): boolean {
  return kind.case === 'failure' && kind.value.reason === Failure_Reason.OVERLOADED;
}
