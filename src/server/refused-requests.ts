import { STATUS_CODES } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';

/** What Node.js calls the faults of requests that never became one; the others are 400. */
const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Answers a request of HTTP/1.1 that can't be read, as far as its client still listens, and closes the connection. */
export function refuseHttp1(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = STATUS_OF[error.code ?? ''] ?? 400;
  const text = `${STATUS_CODES[status]}\n`;
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'content-type: text/plain', 'connection: close'];
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${text.length}\r\n\r\n${text}`, () => socket.destroy());
}

/** Ends a stream of HTTP/2 whose request is not there within the time; HTTP/1.1 has such a limit in Node.js. */
export function limitUpload(stream: ServerHttp2Stream, withinMs: number): void {
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), withinMs).unref();
  const over = () => clearTimeout(timer);
  stream.once('end', over).once('close', over);
}
