import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';

/** What Node.js calls the faults of requests that never became one; the others are 400. */
const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
/** Requests that one connection may have under way (RFC 9112, section 9.3.2): answers go out in order, so all wait for the first. */
const PIPELINED_MAX = 32;
/** A client that still sends would lose its answer with a connection that is closed at once (RFC 9112, section 9.6). */
const LINGER_MS = 1000;
/** RFC 9113, section 6.5.2. */
const FIELD_OVERHEAD_BYTES = 32;

/** Answers what comes over HTTP/1.1 and is no request: last on its connection, after all that is owed there. */
export class Http1Refusals {
  readonly #owed = new WeakMap<Duplex, Set<ServerResponse>>();
  readonly #refused = new WeakSet<Duplex>();

  /**
   * An answer that its connection owes from now on.
   * @returns false when it owes too many: the request was refused, and the connection ends after what is owed before
   */
  owe(response: ServerResponse): boolean {
    // A response that others are owed before has no socket of its own yet.
    const { socket } = response.req;
    const owed = this.#owed.get(socket) ?? new Set();
    if (owed.size >= PIPELINED_MAX) {
      // Nothing that the client sent behind this is looked at.
      socket.pause();
      response.writeHead(429, { 'content-type': 'text/plain', connection: 'close' });
      response.end(`At most ${PIPELINED_MAX} requests may wait for their answers on one connection.\n`);
    }
    const isServed = owed.size < PIPELINED_MAX;
    this.#owed.set(socket, owed.add(response));
    response.once('close', () => owed.delete(response));
    return isServed;
  }

  /** @param error as the server's event "clientError" gives it */
  async refuse(error: NodeJS.ErrnoException, socket: Duplex): Promise<void> {
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    // A request that is itself what broke will not be answered otherwise.
    const whole = [...(this.#owed.get(socket) ?? [])].filter(({ req }) => req.complete);
    await Promise.all(whole.map((response) => new Promise((resolve) => response.once('close', resolve))));
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else sayLast(socket, STATUS_OF[error.code ?? ''] ?? 400);
  }
}

function sayLast(socket: Duplex, status: number): void {
  const text = `${STATUS_CODES[status]}\n`;
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'content-type: text/plain', 'connection: close'];
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('end', () => socket.destroy()).once('close', () => clearTimeout(timer));
}

/** What the header fields of a request over HTTP/2 count; Node.js and nghttp2 tell clients of a limit, but do not keep it. */
export function headerBytes(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * FIELD_OVERHEAD_BYTES;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

export function refuseLongHeaders(stream: ServerHttp2Stream): void {
  stream.on('error', () => {});
  stream.respond({ ':status': 431, 'content-type': 'text/plain' });
  stream.end(`${STATUS_CODES[431]}\n`);
  stream.resume();
}
