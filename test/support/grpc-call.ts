import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { buffer } from 'node:stream/consumers';

export interface GrpcAnswer {
  readonly headers: IncomingHttpHeaders;
  /** Where there are none, the headers: a response of trailers only. */
  readonly trailers: Headers;
  readonly body: Buffer;
}

/** Sends these bytes as a gRPC call, whatever they are. */
export async function grpcCall(
  url: string,
  body: Uint8Array,
  more: Readonly<Record<string, string>> = {},
): Promise<GrpcAnswer> {
  const { origin, pathname } = new URL(url);
  const session = connect(origin);
  try {
    const headers = {
      ':method': 'POST',
      ':path': pathname,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...more,
    };
    const sent = session.request(headers);
    let trailers: IncomingHttpHeaders | undefined;
    sent.on('trailers', (received) => {
      trailers = received;
    });
    const answered = once(sent, 'response');
    sent.end(body);
    const [received] = await answered;
    const bytes = await buffer(sent);
    const fields = Object.entries(trailers ?? received).filter(([name]) => !name.startsWith(':'));
    return {
      headers: received,
      trailers: new Headers(fields.map(([name, value]) => [name, String(value)])),
      body: bytes,
    };
  } finally {
    session.close();
  }
}

/** One message of a gRPC stream: flags, length, bytes. */
export function envelope(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
