import { create, type MessageShape } from '@bufbuild/protobuf';
import { ConnectError, createHandlerContext, type HandlerContext } from '@connectrpc/connect';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { type GrpcUnary, grpcUnary, type UnaryTerms } from '../../src/rpc/grpc-unary.js';
import { conformanceService } from './conformance-service.js';
import { ConformanceService, type UnaryRequestSchema } from './gen/connectrpc/conformance/v1/service_pb.js';

const method = ConformanceService.method.unary;

/** The conformance service's Unary on the product's own path for unary gRPC, on which calls keep their deadlines themselves. */
export function conformanceUnary(messageBytesMax: number): GrpcUnary {
  return grpcUnary(method, serve, { messageBytesMax, clock: systemClock });
}

async function serve(request: MessageShape<typeof UnaryRequestSchema>, { headers, timeoutMs, signal }: UnaryTerms) {
  const requestHeader = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(':')) requestHeader.set(name, String(value));
  }
  const context = createHandlerContext({
    service: ConformanceService,
    method,
    protocolName: 'grpc',
    requestMethod: 'POST',
    url: 'http://localhost/',
    requestHeader,
    requestSignal: signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  const late = new Promise<never>((_, reject) => {
    context.signal.addEventListener('abort', () => reject(ConnectError.from(context.signal.reason)));
  });
  try {
    const response = create(method.output, await Promise.race([conformanceService.unary(request, context), late]));
    return { response, ...metadataOf(context) };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const { headers, trailers } = metadataOf(context);
    for (const [name, value] of Object.entries({ ...headers, ...trailers })) error.metadata.set(name, value);
    throw error;
  }
}

function metadataOf({ responseHeader, responseTrailer }: HandlerContext) {
  return { headers: Object.fromEntries(responseHeader), trailers: Object.fromEntries(responseTrailer) };
}
