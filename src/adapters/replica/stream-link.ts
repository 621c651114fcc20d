import type { StorageNode, TopologySnapshot } from '../../domain/topology.js';
import type { Answer, Batch, ExchangeRequest, ExchangeResponse } from '../../gen/storage/v1/storage_pb.js';
import type { Clock, Timer } from '../../ports/clock.js';
import type { Log } from '../../ports/log.js';
import type { Random } from '../../ports/random.js';
import type { ReplicaConnection, ReplicaTransport } from '../../ports/replica-transport.js';
import { topologyMessage } from '../../wire/topology-message.js';
import { CoordinatorHandshake, type Greeting } from './coordinator-handshake.js';

const CONNECT_TIMEOUT_MS = 3000;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 2000;

export interface StreamParts {
  readonly transport: ReplicaTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly greeting: Greeting;
  /** The present snapshot: what the node is told before the first batch of an epoch. */
  readonly topology: () => TopologySnapshot;
  /** Called with the node's fence: after the handshake, and when the stream was idle. */
  readonly onEpoch: (epoch: number) => void;
}

export interface LinkEvents {
  /** The handshake is over: batches are taken. */
  ready(): void;
  answers(answers: readonly Answer[]): void;
  /** The network took everything that was sent. */
  drained(): void;
  /** What was sent is not answered any more. */
  lost(reason: string): void;
}

type LinkState =
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'connecting'; readonly connection: ReplicaConnection; readonly reason: string }
  | { readonly kind: 'ready'; readonly connection: ReplicaConnection }
  | { readonly kind: 'closed' };

/** The connection to one storage node: opened, proved, and opened again with backoff whenever it breaks. */
export class StreamLink {
  readonly #parts: StreamParts;
  readonly #node: StorageNode;
  readonly #events: LinkEvents;
  #state: LinkState = { kind: 'waiting', reason: 'not connected yet' };
  /** Of the handshake, or until the next attempt. */
  #timer: Timer | undefined;
  #toldEpoch = 0;
  #attempt = 0;
  #lastReason = '';

  constructor(parts: StreamParts, node: StorageNode, events: LinkEvents) {
    this.#parts = parts;
    this.#node = node;
    this.#events = events;
    this.#connect();
  }

  get usable(): true | string {
    switch (this.#state.kind) {
      case 'ready':
        return true;
      case 'closed':
        return 'the storage node is no member any more';
      default:
        return this.#state.reason;
    }
  }

  /** A node that was just added, or a coordinator that just started: operations wait for the handshake, which is on its way. */
  get isFirstAttempt(): boolean {
    return this.#state.kind === 'connecting' && this.#lastReason === '';
  }

  /** Whether a batch would leave now. */
  get takesBatch(): boolean {
    return this.#state.kind === 'ready' && this.#state.connection.isDrained;
  }

  /** The epoch that the node was told of last. */
  get toldEpoch(): number {
    return this.#toldEpoch;
  }

  send(batch: Batch): void {
    if (this.#state.kind === 'ready') this.#state.connection.send(request({ case: 'batch', value: batch }));
  }

  /** Tells the node the present topology, unless it knows. */
  announce(): void {
    if (this.#state.kind !== 'ready') return;
    const topology = this.#parts.topology();
    if (topology.epoch <= this.#toldEpoch) return;
    this.#toldEpoch = topology.epoch;
    this.#state.connection.send(request({ case: 'topology', value: topologyMessage(topology) }));
  }

  /** The peer is of no use: begins anew. */
  giveUp(reason: string): void {
    if (this.#state.kind === 'ready' || this.#state.kind === 'connecting') this.#lose(this.#state.connection, reason);
  }

  close(): void {
    if (this.#state.kind === 'ready' || this.#state.kind === 'connecting') this.#state.connection.close();
    this.#state = { kind: 'closed' };
    this.#timer?.cancel();
  }

  #connect(): void {
    const { transport, greeting, random, clock } = this.#parts;
    const { nodeId, host, port } = this.#node;
    const handshake = new CoordinatorHandshake(greeting, nodeId, random);
    const isPresent = () => 'connection' in this.#state && this.#state.connection === connection;
    const connection = transport.open(
      { host, port },
      {
        frame: (frame) => {
          if (!isPresent()) return;
          if (this.#state.kind === 'ready') this.#receive(frame);
          else this.#shake(handshake, frame);
        },
        drained: () => {
          if (isPresent() && this.#state.kind === 'ready') this.#events.drained();
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
        this.#events.ready();
        this.#parts.onEpoch(step.epoch);
        this.#parts.log.info({ nodeId: this.#node.nodeId }, 'storage node connected');
      }
    }
  }

  #receive({ frame }: ExchangeResponse): void {
    if (frame.case === 'answers') return this.#events.answers(frame.value.answers);
    this.giveUp(frame.case === 'refusal' ? frame.value.message : `it sent "${frame.case}" out of turn`);
  }

  #lose(connection: ReplicaConnection, reason: string): void {
    if (!('connection' in this.#state) || this.#state.connection !== connection) return;
    const { clock, random, log } = this.#parts;
    connection.close();
    this.#timer?.cancel();
    this.#state = { kind: 'waiting', reason };
    if (reason !== this.#lastReason) log.warn({ nodeId: this.#node.nodeId, reason }, 'storage node not connected');
    this.#lastReason = reason;
    this.#events.lost(reason);
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#attempt++);
    this.#timer = clock.after(backoffMs * (0.5 + random.fraction() / 2), () => this.#connect());
  }
}

const REPLACEMENT =
  'its data folder is not the registered one, so it may lack what it acknowledged once: it does not vote';

function request(frame: ExchangeRequest['frame']): ExchangeRequest {
  return { $typeName: 'storage.v1.ExchangeRequest', frame };
}
