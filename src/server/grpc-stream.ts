import type { ServerHttp2Stream } from 'node:http2';
import { CLIENT_GONE } from '../rpc/client-gone.js';
import type { GrpcAnswer, GrpcUnaryCall } from '../rpc/grpc-unary.js';
import type { RequestBody } from './request-bodies.js';

export interface GrpcStreamParts {
  readonly call: GrpcUnaryCall;
  /** Where the body is collected. */
  readonly body: RequestBody;
  readonly bodyBytesMax: number;
  /** Takes the body over when it is too long for this or for the budget, or not what the call can answer. */
  readonly otherwise: (body: AsyncIterable<Uint8Array>) => void;
  readonly failed: (error: unknown) => void;
}

/** Reads a whole body from a stream and answers it. */
export function serveGrpcUnary(stream: ServerHttp2Stream, parts: GrpcStreamParts): void {
  const { call, body, bodyBytesMax, otherwise, failed } = parts;
  const give = (part: Buffer) => {
    if (!body.add(part)) handOver(part);
    else if (body.length > bodyBytesMax) handOver();
  };
  const end = () => {
    // A stream that its client resets ends as well, though its request never did.
    if (stream.closed) return;
    const gone = new AbortController();
    const hangUp = () => gone.abort(CLIENT_GONE);
    stream.once('close', hangUp);
    const answer = call(body.bytes, gone.signal);
    answer
      .then((answered) => {
        stream.off('close', hangUp);
        if (answered === undefined) handOver();
        else send(stream, answered);
      })
      .catch(failed);
  };
  const handOver = (...more: readonly Buffer[]) => {
    stream.off('data', give).off('end', end).pause();
    otherwise(wholeBody([body.bytes, ...more], stream));
    body.release();
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
