import { LatencyWindow } from '../../domain/latency-window.js';
import { DEAD_AFTER_MS, HEARTBEAT_MS } from '../../domain/node-health.js';
import type { StorageNode } from '../../domain/topology.js';
import type { Answer } from '../../gen/storage/v1/storage_pb.js';
import type { Timer } from '../../ports/clock.js';
import type { ReplicaState } from '../../ports/replica-stream.js';
import { heartbeat } from './heartbeat.js';
import { OperationQueue, type QueuedOperation } from './operation-queue.js';
import { PeerSilence } from './peer-silence.js';
import { SharedAsks } from './shared-asks.js';
import { StreamLink, type StreamParts } from './stream-link.js';

/** Deadlines are kept to this: operations that end within it end together. */
const SWEEP_MS = 10;
/** A stand-in for the 95th percentile until answers were seen. */
const LATENCY_INITIAL_MS = 20;

/**
 * One storage node's stream, for as long as the node is a member at its address. Operations queued in one turn of the
 * event loop leave together, as soon as the network takes them and not too much is unanswered. A broken stream fails
 * what it carries at once.
 */
export class BatchedStream {
  readonly #parts: StreamParts;
  readonly #link: StreamLink;
  readonly #silence: PeerSilence;
  readonly #queue = new OperationQueue();
  readonly #asks = new SharedAsks(this.#queue);
  readonly #latency = new LatencyWindow(LATENCY_INITIAL_MS);
  #heart: Timer | undefined;
  /** Ends what is past its deadline; armed for the earliest deadline of what is under way. */
  #sweep: { readonly atMs: number; readonly timer: Timer } | undefined;
  #flushing = false;
  #greatestTimestampUs = 0;

  constructor(parts: StreamParts, node: StorageNode) {
    this.#parts = parts;
    this.#silence = new PeerSilence(parts.clock);
    this.#link = new StreamLink(parts, node, {
      ready: () => {
        this.#silence.heard(parts.clock.monotonicMs());
        this.#flush();
      },
      answers: (answers) => this.#receive(answers),
      drained: () => this.#flush(),
      lost: (reason) => this.#queue.failAll(reason),
    });
    this.#beat();
  }

  get state(): ReplicaState {
    const { silentMs, lastSeenAt } = this.#silence;
    const { usable } = this.#link;
    const greatestTimestampUs = this.#greatestTimestampUs;
    return { usable, silentMs, lastSeenAt, greatestTimestampUs, p95Ms: this.#latency.p95Ms };
  }

  /** Why no operation is taken now; undefined when one is, as far as its size allows. */
  get refusal(): string | undefined {
    const { usable, isFirstAttempt } = this.#link;
    return usable === true || isFirstAttempt ? undefined : usable;
  }

  /** Settles the operation by its deadline at the latest; at once when it can't be sent. */
  enqueue(operation: QueuedOperation): void {
    const { refusal } = this;
    if (refusal !== undefined) return operation.settle({ kind: 'failed', reason: refusal, sent: false });
    if (!this.#queue.push(operation, this.#parts.clock.monotonicMs())) {
      const reason = 'overloaded: too many operations are on their way';
      return operation.settle({ kind: 'failed', reason, sent: false });
    }
    this.#flushSoon();
    this.#armSweep(operation.deadlineMs);
  }

  /** Nobody waits for the operation any more. @returns whether nothing of it was sent: it is settled then */
  takeBack(operation: QueuedOperation): boolean {
    return this.#queue.takeBack(operation);
  }

  /** Asks for the greatest timestamp. */
  ask(epoch: number, deadlineMs: number, settle: QueuedOperation['settle']): void {
    const question = this.#asks.join(epoch, { deadlineMs, settle });
    if (question === undefined) this.#armSweep(deadlineMs);
    else this.enqueue(question);
  }

  /** The topology changed: the node is told at once, so that its fence rises. */
  announce(): void {
    this.#link.announce();
  }

  close(): void {
    this.#link.close();
    for (const timer of [this.#heart, this.#sweep?.timer]) timer?.cancel();
    this.#queue.failAll('the storage node is no member any more');
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#parts.clock.nextTurn(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** Makes frames for as long as the network takes them. */
  #flush(): void {
    this.#link.announce();
    while (this.#link.takesBatch) {
      const batch = this.#queue.takeBatch(this.#parts.clock.monotonicMs());
      if (batch === undefined) return;
      this.#link.send(batch);
    }
  }

  #armSweep(deadlineMs: number): void {
    const { clock } = this.#parts;
    const atMs = deadlineMs + SWEEP_MS;
    if (this.#sweep !== undefined && this.#sweep.atMs <= atMs) return;
    this.#sweep?.timer.cancel();
    this.#sweep = { atMs, timer: clock.after(atMs - clock.monotonicMs(), () => this.#expire()) };
  }

  #expire(): void {
    this.#sweep = undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    const onTimeout = (waitedMs: number) => this.#latency.addTimeout(waitedMs);
    for (const earliestMs of [this.#asks.expire(nowMs), this.#queue.expire(nowMs, onTimeout)]) {
      if (earliestMs !== undefined) this.#armSweep(earliestMs);
    }
    if (this.#queue.hasWaiting) this.#flushSoon();
  }

  #receive(answers: readonly Answer[]): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#silence.heard(nowMs);
    for (const answer of answers) {
      const { kind } = answer;
      if (kind.case === 'ask' || kind.case === 'describe') this.#greatestTimestampUs = kind.value.greatestTimestamp;
      const latencyMs = this.#queue.answer(answer, nowMs);
      if (latencyMs !== undefined) this.#latency.add(latencyMs);
    }
    if (this.#queue.hasWaiting) this.#flushSoon();
  }

  /** Looks after an idle node; a stream whose peer is silent although asked is half open. */
  #beat(): void {
    const { clock, onEpoch } = this.#parts;
    this.#heart = clock.after(HEARTBEAT_MS, () => this.#beat());
    const verdict = this.#silence.judge();
    if (this.#link.usable !== true || verdict === 'heard') return;
    if (verdict === 'dead') return this.#link.giveUp('it does not answer');
    this.enqueue(heartbeat(this.#link.toldEpoch, clock.monotonicMs() + DEAD_AFTER_MS, onEpoch));
  }
}
