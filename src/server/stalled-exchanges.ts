import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Writable } from 'node:stream';
import type { PortLimits } from './port-limits.js';

interface Exchange {
  readonly answer: Writable;
  /** Whether the request is still on its way; Node.js looks after those of HTTP/1.1. */
  readonly isArriving: () => boolean;
  readonly cut: () => void;
  readonly openedMs: number;
  /** Since when what was written has waited for the client to take it. */
  untakenSinceMs: number | undefined;
}

type Limits = Pick<PortLimits, 'requestReadMs' | 'answerTakenMs' | 'untakenBytesMax'>;

const LOOK_EVERY_MS = 250;
/** An answer that is younger is on its way to whoever takes it. */
const FRESH_MS = 1000;

/** Ends exchanges that their clients leave open: requests that do not arrive, and answers that nobody takes. */
export class StalledExchanges {
  readonly #limits: Limits;
  readonly #exchanges = new Map<Writable, Exchange>();
  readonly #timer: NodeJS.Timeout;

  constructor(limits: Limits) {
    this.#limits = limits;
    const everyMs = Math.min(LOOK_EVERY_MS, limits.requestReadMs / 4, limits.answerTakenMs / 4);
    this.#timer = setInterval(() => this.#look(), everyMs).unref();
  }

  watchHttp1(response: ServerResponse): void {
    const { socket } = response.req;
    this.#watch(response, { isArriving: () => false, cut: () => socket.destroy() });
  }

  watchHttp2(stream: ServerHttp2Stream): void {
    const isArriving = () => !stream.endAfterHeaders && !stream.readableEnded;
    this.#watch(stream, { isArriving, cut: () => stream.close(constants.NGHTTP2_CANCEL) });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #watch(answer: Writable, how: Pick<Exchange, 'isArriving' | 'cut'>): void {
    const openedMs = performance.now();
    this.#exchanges.set(answer, { answer, ...how, openedMs, untakenSinceMs: undefined });
    answer.once('close', () => this.#exchanges.delete(answer));
  }

  #look(): void {
    const nowMs = performance.now();
    const { requestReadMs, answerTakenMs } = this.#limits;
    const untaken: Exchange[] = [];
    for (const exchange of this.#exchanges.values()) {
      noteUntaken(exchange, nowMs);
      const isLate = exchange.isArriving() && nowMs - exchange.openedMs > requestReadMs;
      if (isLate || untakenMs(exchange, nowMs) > answerTakenMs) exchange.cut();
      else if (exchange.untakenSinceMs !== undefined) untaken.push(exchange);
    }
    this.#cutToSize(untaken, nowMs);
  }

  #cutToSize(untaken: readonly Exchange[], nowMs: number): void {
    let bytes = 0;
    for (const { answer } of untaken) bytes += answer.writableLength;
    if (bytes <= this.#limits.untakenBytesMax) return;
    for (const exchange of [...untaken].sort((a, b) => untakenMs(b, nowMs) - untakenMs(a, nowMs))) {
      if (bytes <= this.#limits.untakenBytesMax || untakenMs(exchange, nowMs) < FRESH_MS) return;
      bytes -= exchange.answer.writableLength;
      exchange.cut();
    }
  }
}

function noteUntaken(exchange: Exchange, nowMs: number): void {
  const { writableEnded, writableNeedDrain } = exchange.answer;
  exchange.untakenSinceMs = writableEnded || writableNeedDrain ? (exchange.untakenSinceMs ?? nowMs) : undefined;
}

function untakenMs({ untakenSinceMs }: Exchange, nowMs: number): number {
  return nowMs - (untakenSinceMs ?? nowMs);
}
