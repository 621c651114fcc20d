import { toBinary } from '@bufbuild/protobuf';
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  ExchangeResponseSchema,
} from '../../src/gen/storage/v1/storage_pb.js';
import type {
  NodeAddress,
  ReplicaConnection,
  ReplicaSink,
  ReplicaTransport,
} from '../../src/ports/replica-transport.js';
import type { VirtualClock } from './virtual-clock.js';

/** Who is at one end of a connection: a process that may be paused or gone. */
export interface Endpoint {
  readonly name: string;
  readonly alive: boolean;
  run(callback: () => void): void;
}

/** The node's end of a connection. */
export interface Acceptor {
  frame(frame: ExchangeRequest): void;
  /** The network took what was sent. */
  drained(): void;
  /** The connection is over. */
  end(): void;
}

export interface ServerSide {
  send(frame: ExchangeResponse): void;
  readonly isDrained: boolean;
  end(): void;
}

export type Accept = (connection: ServerSide) => Acceptor;

/** What happens to one message on its way. */
export type Fate = 'delivered' | 'dropped' | 'doubled' | 'overtaken';

export interface NetworkConduct {
  latencyMs(from: string, to: string): number;
  /** Asked for every frame of operations and answers; handshakes are lost only by a cut. */
  fate(from: string, to: string): Fate;
  /** Nothing gets from one to the other. */
  cut(from: string, to: string): boolean;
  /** How fast bytes leave; a link without this takes everything at once. */
  bytesPerMs?(from: string, to: string): number | undefined;
}

export const CALM: NetworkConduct = { latencyMs: () => 0.2, fate: () => 'delivered', cut: () => false };

/** What a link takes before it makes the sender wait, as a socket's buffer does. */
const BUFFER_BYTES = 256 * 1024;
/** Below what sums of fractions are exact to. */
const MOMENT_MS = 1e-6;

/** Carries frames between processes on a virtual clock, in order unless its conduct says otherwise. */
export class VirtualNetwork {
  readonly #clock: VirtualClock;
  readonly #conduct: NetworkConduct;
  /** When everything that was ever sent has left. */
  #busyUntilMs = 0;
  readonly #onBusy = (untilMs: number) => {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, untilMs);
  };
  readonly #listeners = new Map<string, { readonly endpoint: Endpoint; readonly accept: Accept }>();

  constructor(clock: VirtualClock, conduct: NetworkConduct) {
    this.#clock = clock;
    this.#conduct = conduct;
  }

  get busyUntilMs(): number {
    return this.#busyUntilMs;
  }

  listen({ host, port }: NodeAddress, endpoint: Endpoint, accept: Accept): void {
    this.#listeners.set(`${host}:${port}`, { endpoint, accept });
  }

  transportOf(client: Endpoint): ReplicaTransport {
    return { open: (address, sink) => this.#open(client, address, sink) };
  }

  #open(client: Endpoint, { host, port }: NodeAddress, sink: ReplicaSink): ReplicaConnection {
    const listener = this.#listeners.get(`${host}:${port}`);
    const server = listener?.endpoint ?? { name: `${host}:${port}`, alive: false, run: () => {} };
    const up = new Line(this.#clock, this.#conduct, client, server, this.#onBusy);
    const down = new Line(this.#clock, this.#conduct, server, client, this.#onBusy);
    let over = false;
    let acceptor: Acceptor | undefined;
    const hangUp = (reason: string) => {
      if (over) return;
      over = true;
      sink.end(reason);
    };
    const wake = (line: Line, drained: () => void) => line.onceDrained(() => over || drained());
    const answer: ServerSide = {
      send: (frame) => {
        down.occupy(() => toBinary(ExchangeResponseSchema, frame).length);
        down.send(isHandshake(frame), () => over || sink.frame(frame));
        wake(down, () => acceptor?.drained());
      },
      get isDrained() {
        return down.isDrained;
      },
      end: () => down.send(true, () => hangUp('the storage node ended the stream')),
    };
    const refuse = () => down.send(true, () => hangUp('connection refused'));
    const knock = () => {
      acceptor = listener?.accept(answer);
    };
    up.send(true, knock, refuse);
    return {
      // What was sent before the end may still arrive after it.
      send: (frame) => {
        if (over) return;
        up.occupy(() => toBinary(ExchangeRequestSchema, frame).length);
        up.send(isGreeting(frame), () => acceptor?.frame(frame), refuse);
        wake(up, () => sink.drained?.());
      },
      get isDrained() {
        return up.isDrained;
      },
      close: () => {
        if (over) return;
        over = true;
        up.send(true, () => acceptor?.end());
      },
    };
  }
}

/** One direction of a connection. */
class Line {
  readonly #clock: VirtualClock;
  readonly #conduct: NetworkConduct;
  readonly #from: Endpoint;
  readonly #to: Endpoint;
  readonly #onBusy: (untilMs: number) => void;
  #lastMs = 0;
  /** When what was sent so far has left. */
  #leftAtMs = 0;
  #waking = false;

  constructor(
    clock: VirtualClock,
    conduct: NetworkConduct,
    from: Endpoint,
    to: Endpoint,
    onBusy: (untilMs: number) => void,
  ) {
    this.#clock = clock;
    this.#conduct = conduct;
    this.#from = from;
    this.#to = to;
    this.#onBusy = onBusy;
  }

  get isDrained(): boolean {
    return this.#backlogMs < MOMENT_MS;
  }

  /** Keeps the line busy for as long as so many bytes take to leave. */
  occupy(bytes: () => number): void {
    const bytesPerMs = this.#conduct.bytesPerMs?.(this.#from.name, this.#to.name);
    if (bytesPerMs === undefined) return;
    this.#leftAtMs = Math.max(this.#leftAtMs, this.#nowMs) + bytes() / bytesPerMs;
    this.#onBusy(this.#leftAtMs);
  }

  /** Calls back when the line takes more, unless it does so now. */
  onceDrained(drained: () => void): void {
    if (this.isDrained || this.#waking) return;
    this.#waking = true;
    this.#clock.after(this.#backlogMs, () => {
      this.#waking = false;
      if (this.isDrained) this.#from.run(drained);
      else this.onceDrained(drained);
    });
  }

  /** @param refuse what the other end's system does when the process is gone */
  send(orderly: boolean, deliver: () => void, refuse: () => void = () => {}): void {
    const [from, to] = [this.#from.name, this.#to.name];
    if (this.#conduct.cut(from, to)) return;
    const fate = orderly ? 'delivered' : this.#conduct.fate(from, to);
    if (fate === 'dropped') return;
    const arrive = () => (this.#to.alive ? this.#to.run(deliver) : refuse());
    this.#schedule(fate === 'overtaken', arrive);
    if (fate === 'doubled') this.#schedule(true, arrive);
  }

  #schedule(late: boolean, arrive: () => void): void {
    const latencyMs = this.#conduct.latencyMs(this.#from.name, this.#to.name);
    const nowMs = this.#nowMs;
    const leftAtMs = Math.max(nowMs, this.#leftAtMs);
    const atMs = late ? leftAtMs + 5 * latencyMs : Math.max(this.#lastMs, leftAtMs + latencyMs);
    if (!late) this.#lastMs = atMs;
    this.#clock.after(atMs - nowMs, arrive);
  }

  get #nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** How long until no more waits than the buffer holds. */
  get #backlogMs(): number {
    const bytesPerMs = this.#conduct.bytesPerMs?.(this.#from.name, this.#to.name);
    return bytesPerMs === undefined ? 0 : this.#leftAtMs - BUFFER_BYTES / bytesPerMs - this.#nowMs;
  }
}

function isGreeting({ frame }: ExchangeRequest): boolean {
  return frame.case !== 'batch';
}

function isHandshake({ frame }: ExchangeResponse): boolean {
  return frame.case !== 'answers';
}
