import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Writable } from 'node:stream';
import type { PortLimits } from './port-limits.js';

interface Exchange {
  readonly answer: Pick<Writable, 'writableEnded' | 'writableNeedDrain'>;
  /** Whether the request is still on its way; Node.js looks after those of HTTP/1.1. */
  readonly isArriving: () => boolean;
  readonly cut: () => void;
  readonly openedMs: number;
  /** Since when what was written has waited for the client to take it. */
  untakenSinceMs: number | undefined;
}

/** Ends exchanges that their clients leave open: requests that do not arrive, and answers that nobody takes. */
export class StalledExchanges {
  readonly #limits: Pick<PortLimits, 'requestReadMs' | 'answerTakenMs'>;
  readonly #exchanges = new Map<object, Exchange>();
  readonly #timer: NodeJS.Timeout;

  constructor(limits: Pick<PortLimits, 'requestReadMs' | 'answerTakenMs'>) {
    this.#limits = limits;
    const everyMs = Math.min(1000, limits.requestReadMs / 4, limits.answerTakenMs / 4);
    this.#timer = setInterval(() => this.#look(), everyMs).unref();
  }

  watchHttp1(response: ServerResponse): void {
    const { socket } = response;
    this.#watch(response, { isArriving: () => false, cut: () => socket?.destroy() });
  }

  watchHttp2(stream: ServerHttp2Stream): void {
    const isArriving = () => !stream.endAfterHeaders && !stream.readableEnded;
    this.#watch(stream, { isArriving, cut: () => stream.close(constants.NGHTTP2_CANCEL) });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #watch(answer: Exchange['answer'] & Writable, how: Pick<Exchange, 'isArriving' | 'cut'>): void {
    const openedMs = performance.now();
    this.#exchanges.set(answer, { answer, ...how, openedMs, untakenSinceMs: undefined });
    answer.once('close', () => this.#exchanges.delete(answer));
  }

  #look(): void {
    const nowMs = performance.now();
    for (const exchange of this.#exchanges.values()) {
      const { requestReadMs, answerTakenMs } = this.#limits;
      const isLate = exchange.isArriving() && nowMs - exchange.openedMs > requestReadMs;
      if (isLate || untakenMs(exchange, nowMs) > answerTakenMs) exchange.cut();
    }
  }
}

function untakenMs(exchange: Exchange, nowMs: number): number {
  const { writableEnded, writableNeedDrain } = exchange.answer;
  exchange.untakenSinceMs = writableEnded || writableNeedDrain ? (exchange.untakenSinceMs ?? nowMs) : undefined;
  return nowMs - (exchange.untakenSinceMs ?? nowMs);
}
