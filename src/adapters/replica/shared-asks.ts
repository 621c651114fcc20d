import type { OperationQueue, QueuedOperation } from './operation-queue.js';

/** Who shares one question; beyond it another is asked. */
const ASKERS_MAX = 4096;

interface Asker {
  readonly deadlineMs: number;
  readonly settle: QueuedOperation['settle'];
}

/** One question on the stream, for as long as its last asker waits. */
class SharedAsk implements QueuedOperation {
  readonly kind = { case: 'ask', value: { $typeName: 'storage.v1.Ask' } } as const;
  readonly bytes = 0;
  readonly epoch: number;
  readonly askers = new Set<Asker>();
  deadlineMs = 0;
  readonly #onSettled: (ask: SharedAsk) => void;

  constructor(epoch: number, onSettled: (ask: SharedAsk) => void) {
    this.epoch = epoch;
    this.#onSettled = onSettled;
  }

  add(asker: Asker): void {
    this.askers.add(asker);
    this.deadlineMs = Math.max(this.deadlineMs, asker.deadlineMs);
  }

  readonly settle: QueuedOperation['settle'] = (outcome) => {
    this.#onSettled(this);
    for (const { settle } of this.askers) settle(outcome);
  };
}

/**
 * Asks of one epoch that wait travel as one; one that left already is never joined, since the node may have answered it
 * before the joining write began. Each asker ends by its own deadline.
 */
export class SharedAsks {
  readonly #queue: OperationQueue;
  readonly #asks = new Set<SharedAsk>();
  #last: SharedAsk | undefined;

  constructor(queue: OperationQueue) {
    this.#queue = queue;
  }

  /** @returns the question if it is a new one, which is then to be queued */
  join(epoch: number, asker: Asker): QueuedOperation | undefined {
    const last = this.#last;
    if (last?.epoch === epoch && last.askers.size < ASKERS_MAX && this.#queue.waits(last)) {
      last.add(asker);
      return undefined;
    }
    const ask = new SharedAsk(epoch, (settled) => this.#asks.delete(settled));
    ask.add(asker);
    this.#asks.add(ask);
    this.#last = ask;
    return ask;
  }

  /** Ends the askers that are past their deadline; returns the earliest deadline of the rest. */
  expire(nowMs: number): number | undefined {
    let earliestMs: number | undefined;
    for (const ask of this.#asks) {
      const sent = !this.#queue.waits(ask);
      for (const asker of ask.askers) {
        if (asker.deadlineMs > nowMs) {
          earliestMs = Math.min(asker.deadlineMs, earliestMs ?? asker.deadlineMs);
          continue;
        }
        ask.askers.delete(asker);
        asker.settle({ kind: 'failed', reason: sent ? 'timed out' : 'timed out before it was sent', sent });
      }
    }
    return earliestMs;
  }
}
