import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

/** What a request that a server understands has to be answered within, its own deadline of 5 s included. */
export const ANSWERED_WITHIN_MS = 20_000;
const SILENT_AFTER_MS = 150;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** One request over HTTP/2. @throws Error when there is no answer in time */
export async function ask(
  origin: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | undefined,
): Promise<Answer> {
  const session = connectHttp2(origin);
  session.on('error', () => {});
  try {
    const stream = session.request({ ':method': body === undefined ? 'GET' : 'POST', ...headers });
    let trailers = {};
    stream.on('trailers', (received) => {
      trailers = received;
    });
    const answered = once(stream, 'response');
    stream.end(body);
    const late = delay(ANSWERED_WITHIN_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no answer within ${ANSWERED_WITHIN_MS} ms`);
    });
    late.catch(() => {});
    const [received] = await Promise.race([answered, late]);
    const bytes = await Promise.race([buffer(stream), late]);
    return { status: received[':status'], headers: received, trailers, text: bytes.toString('latin1') };
  } finally {
    session.destroy();
  }
}

/** Sends bytes of any kind; what comes back until the other side closes or says no more. */
export async function send(host: string, port: number, bytes: Uint8Array): Promise<string> {
  const socket = connectTcp(port, host);
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write(bytes);
  await Promise.race([once(socket, 'close').catch(() => {}), delay(SILENT_AFTER_MS)]);
  socket.destroy();
  return received;
}
