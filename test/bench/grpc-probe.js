// One gRPC call over HTTP/2, to see that a request which a load generator will repeat is a success.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';

/** @returns the answer's message; throws when grpc-status is not 0 */
export async function probe(url, body) {
  const { origin, pathname } = new URL(url);
  const session = connect(origin);
  // A broken session breaks its streams, which tell.
  session.on('error', () => {});
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': pathname,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let trailers = {};
    stream.on('trailers', (received) => {
      trailers = received;
    });
    const answered = once(stream, 'response');
    stream.end(body);
    const [headers] = await answered;
    const bytes = await buffer(stream);
    const status = trailers['grpc-status'] ?? headers['grpc-status'];
    if (status !== '0')
      throw new Error(`grpc-status ${status}: ${trailers['grpc-message'] ?? headers['grpc-message']}`);
    return bytes.subarray(5);
  } finally {
    session.close();
  }
}
