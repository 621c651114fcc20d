import type { ServerHttp2Stream } from 'node:http2';
import { CLIENT_GONE } from '../rpc/client-gone.js';
import type { GrpcAnswer, GrpcUnaryCall } from '../rpc/grpc-unary.js';

export interface GrpcStreamParts {
  readonly call: GrpcUnaryCall;
  readonly bodyBytesMax: number;
  /** Takes the body over when it is too long for this, or not what the call can answer. */
  readonly otherwise: (body: AsyncIterable<Uint8Array>) => void;
  readonly failed: (error: unknown) => void;
}

/** Reads a whole body from a stream and answers it. */
export function serveGrpcUnary(stream: ServerHttp2Stream, parts: GrpcStreamParts): void {
  const { call, bodyBytesMax, otherwise, failed } = parts;
  const chunks: Buffer[] = [];
  let length = 0;
  const give = (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > bodyBytesMax) handOver();
  };
  const end = () => {
    // A stream that its client resets ends as well, though its request never did.
    if (stream.closed) return;
    const gone = new AbortController();
    const hangUp = () => gone.abort(CLIENT_GONE);
    stream.once('close', hangUp);
    const answer = call(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), gone.signal);
    answer
      .then((answered) => {
        stream.off('close', hangUp);
        if (answered === undefined) handOver();
        else send(stream, answered);
      })
      .catch(failed);
  };
  const handOver = () => {
    stream.off('data', give).off('end', end).pause();
    otherwise(wholeBody(chunks, stream));
  };
  // Its "close" tells that it broke.
  stream.on('error', () => {});
  stream.on('data', give).on('end', end);
}

function send(stream: ServerHttp2Stream, { headers, body, trailers }: GrpcAnswer): void {
  if (stream.closed || stream.destroyed) return;
  stream.once('wantTrailers', () => {
    if (!stream.closed && !stream.destroyed) stream.sendTrailers(trailers);
  });
  stream.respond(headers, { waitForTrailers: true });
  stream.end(body);
}

async function* wholeBody(read: readonly Buffer[], rest: ServerHttp2Stream): AsyncGenerator<Uint8Array> {
  yield* read;
  if (!rest.readableEnded) yield* rest.iterator({ destroyOnReturn: false });
}
