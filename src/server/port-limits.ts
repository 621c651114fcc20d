import type { BodyBudget } from './request-bodies.js';

/** What a port grants its clients at most. */
export interface PortLimits {
  /** Connections at once; more are closed at once. */
  readonly connectionsMax: number;
  /** Streams at once on one HTTP/2 connection. */
  readonly streamsMax: number;
  /** A connection that tells no protocol for this long is closed. */
  readonly silenceMs: number;
  /** An HTTP/2 connection that was silent for this long gets a PING, and is closed when it is silent for as long again. */
  readonly keepAliveMs: number;
  /** An HTTP/2 connection without a stream for this long is closed; longer than what clients usually keep one. */
  readonly idleMs: number;
  /** Names and values of a request's header fields; over HTTP/2 with 32 bytes for each field (RFC 9113, section 6.5.2). */
  readonly headerBytesMax: number;
  /** The headers of a request, and then its body, must be there within this. */
  readonly requestReadMs: number;
  /** Bytes of request bodies that are on their way, of all connections and of one; beyond them requests are refused. */
  readonly bodies: BodyBudget;
  /** An answer that its client has not taken within this is taken back. */
  readonly answerTakenMs: number;
  /** Bytes of answers that wait for their clients, of all connections; beyond them the oldest are taken back. */
  readonly untakenBytesMax: number;
}

export const DEFAULT_PORT_LIMITS: PortLimits = {
  connectionsMax: 10_000,
  streamsMax: 256,
  silenceMs: 10_000,
  keepAliveMs: 10_000,
  idleMs: 20 * 60_000,
  headerBytesMax: 16 * 1024,
  requestReadMs: 30_000,
  bodies: { bytesMax: 256 * 1024 * 1024, connectionBytesMax: 64 * 1024 * 1024 },
  answerTakenMs: 60_000,
  untakenBytesMax: 128 * 1024 * 1024,
};
