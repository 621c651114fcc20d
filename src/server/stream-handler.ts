import { Http2ServerRequest, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { GrpcUnaryCall } from '../rpc/grpc-unary.js';
import { serveGrpcUnary } from './grpc-stream.js';
import type { RequestHandler, RequestHandlerParts } from './request-handler.js';

/** Serves one stream of HTTP/2, as a server's event "stream" gives it. */
export type StreamHandler = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void;

/** Unary gRPC is served on the stream itself, everything else as a request of any HTTP version. */
export function streamHandler(parts: RequestHandlerParts, handle: RequestHandler): StreamHandler {
  return (stream, headers, _flags, rawHeaders) => {
    const asRequest = (body?: AsyncIterable<Uint8Array>) => {
      const request = new Http2ServerRequest(stream, headers, {}, rawHeaders);
      const response = new Http2ServerResponse(stream);
      if (headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
      handle(request, response, body);
    };
    const failed = (err: unknown) => {
      parts.log.warn({ err, path: headers[':path'] }, 'an answer was not delivered');
      stream.destroy();
    };
    const unary = unaryOf(parts, headers, stream);
    if (unary === undefined) asRequest();
    else {
      const body = parts.bodies.open(stream.session ?? stream);
      stream.once('close', () => body.release());
      serveGrpcUnary(stream, { ...unary, body, otherwise: asRequest, failed });
    }
  };
}

function unaryOf(
  { rpc, admission }: RequestHandlerParts,
  headers: IncomingHttpHeaders,
  stream: ServerHttp2Stream,
): { readonly call: GrpcUnaryCall; readonly bodyBytesMax: number } | undefined {
  if (headers[':method'] !== 'POST' || stream.endAfterHeaders) return undefined;
  if (headers.origin !== undefined || headers.expect !== undefined) return undefined;
  if (!admission.allowsHost(headers[':authority'] ?? headers.host)) return undefined;
  const unary = rpc.unaryByPath.get(headers[':path'] ?? '');
  const call = unary?.open(headers);
  return unary && call && { call, bodyBytesMax: unary.bodyBytesMax };
}
