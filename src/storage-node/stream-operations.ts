import type { Answer, Batch, Operation } from '../gen/storage/v1/storage_pb.js';
import type { Clock } from '../ports/clock.js';
import { type BatchHost, executeOperation } from './batch-execution.js';
import type { StorageNode } from './storage-node.js';
import { UntakenAnswers } from './untaken-answers.js';

/** More than a coordinator ever has unanswered on a stream; nothing more is read from one that has. */
const UNANSWERED_MAX = 16_384;

export interface StreamOperationsParts {
  readonly node: StorageNode;
  readonly clock: Clock;
  readonly diskUsagePercent: () => Promise<number>;
  readonly onFailure: (failure: unknown) => void;
  /** Whether the network took everything sent before. */
  readonly isDrained: () => boolean;
  readonly send: (answers: Answer[]) => void;
}

interface WaitingRead {
  readonly epoch: number;
  readonly operation: Operation;
}

/**
 * The operations of one stream and their answers. Everything runs when it comes, except that values are read only for a
 * coordinator that takes them; frames of answers are made when the network can take one.
 */
export class StreamOperations {
  readonly #parts: StreamOperationsParts;
  readonly #host: BatchHost;
  readonly #answers: UntakenAnswers;
  #waitingReads: WaitingRead[] = [];
  #unanswered = 0;
  #flushing = false;
  #ended = false;
  #wakeReader: (() => void) | undefined;

  constructor(parts: StreamOperationsParts) {
    this.#parts = parts;
    const { node, diskUsagePercent, onFailure } = parts;
    this.#host = { node, diskUsagePercent, onFailure, answer: (answer) => this.#answer(answer) };
    this.#answers = new UntakenAnswers(parts.node.load);
  }

  run({ epoch, operations }: Batch): void {
    this.#unanswered += operations.length;
    for (const operation of operations) {
      if (bringsValue(operation) && !this.#mayRead())
        this.#waitingReads.push({ epoch, operation: detached(operation) });
      else executeOperation(this.#host, epoch, operation);
    }
  }

  /** Resolves when more may be read from the stream, or it is over. One waiter at a time. */
  async room(): Promise<void> {
    while (this.#unanswered >= UNANSWERED_MAX && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** Makes frames for as long as the network takes them. */
  flush(): void {
    while (!this.#ended) {
      this.#readOn();
      if (!this.#parts.isDrained()) return;
      const frame = this.#answers.takeFrame();
      if (frame.length === 0) return;
      this.#unanswered -= frame.length;
      this.#wakeReader?.();
      this.#parts.send(frame);
    }
  }

  /** Nobody takes answers any more; what runs ends by itself. */
  end(): void {
    this.#ended = true;
    this.#waitingReads = [];
    this.#answers.clear();
    this.#wakeReader?.();
  }

  #mayRead(): boolean {
    return this.#waitingReads.length === 0 && this.#answers.admitsValue;
  }

  #readOn(): void {
    while (this.#answers.admitsValue) {
      const next = this.#waitingReads.shift();
      if (next === undefined) return;
      executeOperation(this.#host, next.epoch, next.operation);
    }
  }

  #answer(answer: Answer): void {
    if (this.#ended) return;
    this.#answers.add(answer);
    if (this.#flushing) return;
    this.#flushing = true;
    this.#parts.clock.nextTurn(() => {
      this.#flushing = false;
      this.flush();
    });
  }
}

function bringsValue({ kind }: Operation): boolean {
  return kind.case === 'read' && !kind.value.headOnly;
}

/** A decoded key is part of its frame's bytes, which must not stay for as long as the read waits. */
function detached(operation: Operation): Operation {
  const { kind } = operation;
  if (kind.case !== 'read') return operation;
  return { ...operation, kind: { case: 'read', value: { ...kind.value, storageKey: kind.value.storageKey.slice() } } };
}
