import { LatencyWindow } from '../../domain/latency-window.js';
import { DEAD_AFTER_MS, HEARTBEAT_MS } from '../../domain/node-health.js';
import type { StorageNode, TopologySnapshot } from '../../domain/topology.js';
import type { ExchangeRequest, ExchangeResponse } from '../../gen/storage/v1/storage_pb.js';
import type { Clock, Timer } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import type { ReplicaState } from '../../ports/replica-stream.js';
import type { ReplicaConnection, ReplicaTransport } from '../../ports/replica-transport.js';
import { CoordinatorHandshake, type Greeting, topologyMessage } from './coordinator-handshake.js';
import { OperationQueue, type QueuedOperation } from './operation-queue.js';

const CONNECT_TIMEOUT_MS = 3000;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 2000;
/** Deadlines are kept to this: operations that end within it end together. */
const SWEEP_MS = 10;
/** Operations that wait or are unanswered, on one stream; beyond it they fail at once. */
const OPERATIONS_MAX = 8192;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const BACKLOG_FRAMES_MAX = 64;
/** Asks whose deadlines lie no further apart share one question. */
const ASK_SHARED_MS = 50;
/** A stand-in for the 95th percentile until answers were seen. */
const LATENCY_INITIAL_MS = 20;

export interface StreamParts {
  readonly transport: ReplicaTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly greeting: Greeting;
  /** The present snapshot: what the node is told before the first batch of an epoch. */
  readonly topology: () => TopologySnapshot;
}

interface OpenAsk {
  readonly epoch: number;
  readonly deadlineMs: number;
  readonly waiting: QueuedOperation['settle'][];
}

type StreamState =
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'connecting'; readonly connection: ReplicaConnection; readonly reason: string }
  | { readonly kind: 'ready'; readonly connection: ReplicaConnection }
  | { readonly kind: 'closed' };

/**
 * One storage node's stream, for as long as the node is a member at its address. Operations queued in one turn of the
 * event loop leave together. A broken stream fails what it carries at once and is opened again with backoff.
 */
export class BatchedStream {
  readonly #parts: StreamParts;
  readonly #node: StorageNode;
  readonly #queue = new OperationQueue();
  readonly #latency = new LatencyWindow(LATENCY_INITIAL_MS);
  #heart: Timer | undefined;
  #state: StreamState = { kind: 'waiting', reason: 'not connected yet' };
  #timer: Timer | undefined;
  /** Ends what is past its deadline; armed for the earliest deadline of what is under way. */
  #sweep: { readonly atMs: number; readonly timer: Timer } | undefined;
  #flushing = false;
  #openAsk: OpenAsk | undefined;
  #toldEpoch = 0;
  #attempt = 0;
  #lastReason = '';
  #answeredAtMs: number | undefined;
  #answeredAtWallMs = 0;
  #greatestTimestampUs = 0;

  constructor(parts: StreamParts, node: StorageNode) {
    this.#parts = parts;
    this.#node = node;
    this.#connect();
    this.#beat();
  }

  get state(): ReplicaState {
    const nowMs = this.#parts.clock.monotonicMs();
    return {
      usable: this.#usable,
      silentMs: this.#answeredAtMs === undefined ? undefined : nowMs - this.#answeredAtMs,
      lastSeenAt: Math.floor(this.#answeredAtWallMs / 1000),
      greatestTimestampUs: this.#greatestTimestampUs,
      p95Ms: this.#latency.p95Ms,
    };
  }

  /** Settles the operation by its deadline at the latest; at once when it can't be sent. */
  enqueue(operation: QueuedOperation): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) return operation.settle({ kind: 'failed', reason: refusal, sent: false });
    this.#queue.push(operation);
    if (!this.#flushing) {
      this.#flushing = true;
      this.#parts.clock.nextTurn(() => this.#flush());
    }
    this.#armSweep(operation.deadlineMs);
  }

  /**
   * Asks for the greatest timestamp. Asks of one epoch that wait for the same flush travel as one; one that left already
   * is never joined, since the node may have answered it before the joining write began.
   */
  ask(epoch: number, deadlineMs: number, settle: QueuedOperation['settle']): void {
    const open = this.#openAsk;
    if (open !== undefined && open.epoch === epoch && Math.abs(open.deadlineMs - deadlineMs) <= ASK_SHARED_MS) {
      open.waiting.push(settle);
      return;
    }
    const waiting = [settle];
    this.#openAsk = { epoch, deadlineMs, waiting };
    this.enqueue({
      epoch,
      kind: { case: 'ask', value: { $typeName: 'storage.v1.Ask' } },
      bytes: 0,
      deadlineMs,
      settle: (outcome) => {
        if (this.#openAsk?.waiting === waiting) this.#openAsk = undefined;
        for (const waiter of waiting) waiter(outcome);
      },
    });
  }

  /** The topology changed: the node is told at once, so that its fence rises. */
  announce(): void {
    if (this.#state.kind === 'ready') this.#tell(this.#state.connection);
  }

  close(): void {
    if (this.#state.kind === 'closed') return;
    if (this.#state.kind !== 'waiting') this.#state.connection.close();
    this.#state = { kind: 'closed' };
    for (const timer of [this.#timer, this.#heart, this.#sweep?.timer]) timer?.cancel();
    this.#queue.failAll('the storage node is no member any more');
  }

  get #usable(): true | string {
    switch (this.#state.kind) {
      case 'ready':
        return true;
      case 'closed':
        return 'the storage node is no member any more';
      default:
        return this.#state.reason;
    }
  }

  #refusal(): string | undefined {
    const usable = this.#usable;
    if (usable !== true && !this.#isFirstAttempt) return usable;
    const overloaded =
      this.#queue.size >= OPERATIONS_MAX ||
      this.#queue.waitingBytes >= WAITING_BYTES_MAX ||
      (this.#state.kind === 'ready' && this.#state.connection.backlogFrames >= BACKLOG_FRAMES_MAX);
    return overloaded ? 'overloaded: too many operations are on their way' : undefined;
  }

  /** A node that was just added, or a coordinator that just started: operations wait for the handshake, which is on its way. */
  get #isFirstAttempt(): boolean {
    return this.#state.kind === 'connecting' && this.#lastReason === '';
  }

  #flush(): void {
    this.#flushing = false;
    this.#openAsk = undefined;
    if (this.#state.kind !== 'ready') return;
    const { connection } = this.#state;
    this.#tell(connection);
    for (const batch of this.#queue.takeBatches(this.#parts.clock.monotonicMs())) {
      connection.send(request({ case: 'batch', value: batch }));
    }
  }

  #tell(connection: ReplicaConnection): void {
    const topology = this.#parts.topology();
    if (topology.epoch <= this.#toldEpoch) return;
    this.#toldEpoch = topology.epoch;
    connection.send(request({ case: 'topology', value: topologyMessage(topology) }));
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
    const earliestMs = this.#queue.expire(this.#parts.clock.monotonicMs());
    if (earliestMs !== undefined) this.#armSweep(earliestMs);
  }

  #connect(): void {
    const { transport, greeting, random, clock } = this.#parts;
    const { nodeId, host, port } = this.#node;
    const handshake = new CoordinatorHandshake(greeting, nodeId, random);
    const connection = transport.open(
      { host, port },
      {
        frame: (frame) => {
          if (this.#state.kind === 'ready' && this.#state.connection === connection) this.#receive(frame);
          else if (this.#state.kind === 'connecting' && this.#state.connection === connection)
            this.#shake(handshake, frame);
        },
        end: (reason) => this.#lose(connection, reason),
      },
    );
    this.#state = { kind: 'connecting', connection, reason: this.#lastReason || 'not connected yet' };
    this.#timer = clock.after(CONNECT_TIMEOUT_MS, () =>
      this.#lose(connection, 'it did not answer the handshake in time'),
    );
    connection.send(handshake.hello());
  }

  #shake(handshake: CoordinatorHandshake, frame: ExchangeResponse): void {
    if (this.#state.kind !== 'connecting') return;
    const { connection } = this.#state;
    const step = handshake.receive(frame);
    switch (step.kind) {
      case 'refused':
        return this.#lose(connection, step.reason);
      case 'met': {
        if (step.storeId !== this.#node.storeId) return this.#lose(connection, REPLACEMENT);
        const topology = this.#parts.topology();
        this.#toldEpoch = topology.epoch;
        connection.send(step.proof(topologyMessage(topology)));
        return;
      }
      case 'ready': {
        this.#timer?.cancel();
        this.#state = { kind: 'ready', connection };
        this.#attempt = 0;
        this.#lastReason = '';
        this.#noteAnswer();
        this.#flush();
        this.#parts.log.info({ nodeId: this.#node.nodeId }, 'storage node connected');
      }
    }
  }

  #receive({ frame }: ExchangeResponse): void {
    if (frame.case !== 'answers') {
      const reason = frame.case === 'refusal' ? frame.value.message : `it sent "${frame.case}" out of turn`;
      if (this.#state.kind === 'ready') this.#lose(this.#state.connection, reason);
      return;
    }
    this.#noteAnswer();
    const nowMs = this.#answeredAtMs ?? 0;
    for (const answer of frame.value.answers) {
      const { kind } = answer;
      if (kind.case === 'ask' || kind.case === 'describe') this.#greatestTimestampUs = kind.value.greatestTimestamp;
      const latencyMs = this.#queue.answer(answer, nowMs);
      if (latencyMs !== undefined) this.#latency.add(latencyMs);
    }
  }

  #noteAnswer(): void {
    this.#answeredAtMs = this.#parts.clock.monotonicMs();
    this.#answeredAtWallMs = this.#parts.clock.wallMs();
  }

  #lose(connection: ReplicaConnection, reason: string): void {
    if (this.#state.kind === 'waiting' || this.#state.kind === 'closed' || this.#state.connection !== connection)
      return;
    const { clock, random, log } = this.#parts;
    connection.close();
    this.#timer?.cancel();
    this.#state = { kind: 'waiting', reason };
    if (reason !== this.#lastReason) log.warn({ nodeId: this.#node.nodeId, reason }, 'storage node not connected');
    this.#lastReason = reason;
    this.#queue.failAll(reason);
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#attempt++);
    this.#timer = clock.after(backoffMs * (0.5 + random.fraction() / 2), () => this.#connect());
  }

  /** Looks after an idle node; a stream whose peer is silent although asked is half open. */
  #beat(): void {
    const { clock } = this.#parts;
    this.#heart = clock.after(HEARTBEAT_MS, () => this.#beat());
    if (this.#state.kind !== 'ready') return;
    const silentMs = clock.monotonicMs() - (this.#answeredAtMs ?? 0);
    if (silentMs >= DEAD_AFTER_MS) return this.#lose(this.#state.connection, 'it does not answer');
    if (silentMs < HEARTBEAT_MS / 2) return;
    this.enqueue({
      epoch: this.#toldEpoch,
      kind: { case: 'describe', value: { $typeName: 'storage.v1.Describe' } },
      bytes: 0,
      deadlineMs: clock.monotonicMs() + DEAD_AFTER_MS,
      settle: () => {},
    });
  }
}

const REPLACEMENT =
  'its data folder is not the registered one, so it may lack what it acknowledged once: it does not vote';

function request(frame: ExchangeRequest['frame']): ExchangeRequest {
  return { $typeName: 'storage.v1.ExchangeRequest', frame };
}
