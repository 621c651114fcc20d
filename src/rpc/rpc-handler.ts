import type { DescMessage } from '@bufbuild/protobuf';
import { createConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { CoordinatorService } from '../gen/coordinator/v1/coordinator_pb.js';
import { Health } from '../gen/grpc/health/v1/health_pb.js';
import { ServerReflection } from '../gen/grpc/reflection/v1/reflection_pb.js';
import type { CoordinatorServices } from '../services/coordinator-services.js';
import { type Call, type CallParts, runCall } from './call.js';
import { type CoordinatorCalls, coordinatorCalls } from './coordinator-calls.js';
import { coordinatorRoutes } from './coordinator-routes.js';
import { ERROR_CODE_HEADER, ERRORS_HEADER } from './error-headers.js';
import type { ServedService } from './file-index.js';
import { type GrpcUnary, grpcUnary } from './grpc-unary.js';
import { withGrpcWebText } from './grpc-web-text.js';
import { gzipFast } from './gzip-fast.js';
import { type HealthParts, healthRoutes } from './health-routes.js';
import { withProtocolErrors } from './protocol-errors.js';
import { REFLECTION_ALIAS, reflectionRoutes } from './reflection-routes.js';
import type { ServiceAlias } from './service-alias.js';
import { capTimeout } from './timeout-cap.js';

/** Room for field names, keys, clocks and JSON's base64 around a value. */
const MESSAGE_OVERHEAD_BYTES = 64 * 1024;
const ENVELOPE_BYTES = 5;
const BASE64_GROWTH = 4 / 3;
const TIMER_MAX_MS = 2 ** 31 - 1;
const OWN_NAME: ServiceAlias = { serviceName: CoordinatorService.typeName, errors: undefined };

export interface RpcOptions extends CallParts, HealthParts {
  readonly services: CoordinatorServices;
  readonly aliases: readonly ServiceAlias[];
  readonly valueBytesMax: number;
}

/** What is served, under every name. */
export interface RpcHandlers {
  readonly services: readonly ServedService[];
  /** By path; each serves gRPC, gRPC-Web and Connect alike. */
  readonly byPath: ReadonlyMap<string, UniversalHandler>;
  /** The hot ones among them, for the usual request of gRPC. */
  readonly unaryByPath: ReadonlyMap<string, GrpcUnary>;
  /** A longer body of a unary RPC is refused in any case. */
  readonly bodyBytesMax: number;
}

export function rpcHandlers(options: RpcOptions): RpcHandlers {
  const services = servedServices(options.aliases);
  const calls = coordinatorCalls(options.services);
  const messageBytesMax = Math.ceil(options.valueBytesMax * BASE64_GROWTH) + MESSAGE_OVERHEAD_BYTES;
  return {
    services,
    bodyBytesMax: Math.ceil((messageBytesMax + ENVELOPE_BYTES) * BASE64_GROWTH),
    byPath: new Map([...coordinatorHandlers(calls, options, messageBytesMax), ...standardHandlers(options, services)]),
    unaryByPath: new Map([
      ...unaryHandlers(calls.readKeyValue, options, messageBytesMax),
      ...unaryHandlers(calls.writeKeyValue, options, messageBytesMax),
    ]),
  };
}

function servedServices(aliases: readonly ServiceAlias[]): readonly ServedService[] {
  const own = [OWN_NAME, ...aliases].map(({ serviceName }) => ({ serviceName, service: CoordinatorService }));
  const standard = [Health, ServerReflection].map((service) => ({ serviceName: service.typeName, service }));
  return [...own, ...standard, { serviceName: REFLECTION_ALIAS, service: ServerReflection }];
}

function* coordinatorHandlers(
  calls: CoordinatorCalls,
  options: RpcOptions,
  messageBytesMax: number,
): Generator<readonly [string, UniversalHandler]> {
  const router = createConnectRouter({
    acceptCompression: [gzipFast],
    readMaxBytes: messageBytesMax,
    writeMaxBytes: messageBytesMax,
    // A misspelt "consistancy" must not silently mean quorum; false, 0 and "" are answers, too.
    jsonOptions: { ignoreUnknownFields: false, alwaysEmitImplicit: true },
  });
  router.service(CoordinatorService, coordinatorRoutes(calls, options));
  for (const bare of router.handlers) {
    const handler = withGrpcWebText(withProtocolErrors(bare, { ...options, messageBytesMax }));
    for (const { serviceName, errors } of [OWN_NAME, ...options.aliases]) {
      yield [`/${serviceName}/${handler.method.name}`, errors === undefined ? handler : withErrorMode(handler, errors)];
    }
  }
}

/** For a call that keeps its own deadline: no other ends it here. */
function* unaryHandlers<Input extends DescMessage, Output extends DescMessage>(
  call: Call<Input, Output>,
  options: RpcOptions,
  messageBytesMax: number,
): Generator<readonly [string, GrpcUnary]> {
  const { clock, aliases } = options;
  for (const { serviceName, errors } of [OWN_NAME, ...aliases]) {
    const unary = grpcUnary(
      call.method,
      async (request, { headers, timeoutMs, signal }) => {
        const terms = { errors: headers[ERRORS_HEADER]?.toString() ?? errors, timeoutMs, signal };
        const { response, errorCode } = await runCall(options, call, request, terms);
        return errorCode === undefined ? { response } : { response, headers: { [ERROR_CODE_HEADER]: errorCode } };
      },
      { messageBytesMax, clock },
    );
    yield [`/${serviceName}/${call.method.name}`, unary];
  }
}

/** Health and reflection, as gRPC's own tools expect them. */
function* standardHandlers(
  options: RpcOptions,
  services: readonly ServedService[],
): Generator<readonly [string, UniversalHandler]> {
  const router = createConnectRouter({ acceptCompression: [gzipFast], readMaxBytes: MESSAGE_OVERHEAD_BYTES });
  const names = services.map(({ serviceName }) => serviceName);
  router.service(Health, healthRoutes(options, names)).service(ServerReflection, reflectionRoutes(services));
  for (const bare of router.handlers) {
    const handler = withTimeoutCap(bare);
    yield [handler.requestPath, handler];
    if (handler.service === ServerReflection) yield [`/${REFLECTION_ALIAS}/${handler.method.name}`, handler];
  }
}

/** Streams may last as long as a timer can. */
function withTimeoutCap(handler: UniversalHandler): UniversalHandler {
  const capped = (request: Parameters<UniversalHandler>[0]) => {
    capTimeout(request.header, TIMER_MAX_MS);
    return handler(request);
  };
  return Object.assign(capped, handler);
}

/** The alias's error mode, for requests that choose none themselves. */
function withErrorMode(handler: UniversalHandler, errors: string): UniversalHandler {
  const choose = (request: Parameters<UniversalHandler>[0]) => {
    if (!request.header.has(ERRORS_HEADER)) request.header.set(ERRORS_HEADER, errors);
    return handler(request);
  };
  return Object.assign(choose, handler);
}
