import { createConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { CoordinatorService } from '../gen/coordinator/v1/coordinator_pb.js';
import { Health } from '../gen/grpc/health/v1/health_pb.js';
import { ServerReflection } from '../gen/grpc/reflection/v1/reflection_pb.js';
import type { CoordinatorServices } from '../services/coordinator-services.js';
import type { CallParts } from './call.js';
import { coordinatorRoutes } from './coordinator-routes.js';
import { ERRORS_HEADER } from './error-headers.js';
import type { ServedService } from './file-index.js';
import { gzipFast } from './gzip-fast.js';
import { type HealthParts, healthRoutes } from './health-routes.js';
import { withProtocolErrors } from './protocol-errors.js';
import { REFLECTION_ALIAS, reflectionRoutes } from './reflection-routes.js';
import type { ServiceAlias } from './service-alias.js';
import { capTimeout } from './timeout-cap.js';

/** Room for field names, keys, clocks and JSON's base64 around a value. */
const MESSAGE_OVERHEAD_BYTES = 64 * 1024;
const BASE64_GROWTH = 4 / 3;
const TIMER_MAX_MS = 2 ** 31 - 1;

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
}

export function rpcHandlers(options: RpcOptions): RpcHandlers {
  const services = servedServices(options.aliases);
  return { services, byPath: new Map([...coordinatorHandlers(options), ...standardHandlers(options, services)]) };
}

function servedServices(aliases: readonly ServiceAlias[]): readonly ServedService[] {
  const own = { serviceName: CoordinatorService.typeName, service: CoordinatorService };
  const renamed = aliases.map(({ serviceName }) => ({ serviceName, service: CoordinatorService }));
  const standard = [Health, ServerReflection].map((service) => ({ serviceName: service.typeName, service }));
  return [own, ...renamed, ...standard, { serviceName: REFLECTION_ALIAS, service: ServerReflection }];
}

function* coordinatorHandlers(options: RpcOptions): Generator<readonly [string, UniversalHandler]> {
  const messageBytesMax = Math.ceil(options.valueBytesMax * BASE64_GROWTH) + MESSAGE_OVERHEAD_BYTES;
  const router = createConnectRouter({
    acceptCompression: [gzipFast],
    readMaxBytes: messageBytesMax,
    writeMaxBytes: messageBytesMax,
    // A misspelt "consistancy" must not silently mean quorum; false, 0 and "" are answers, too.
    jsonOptions: { ignoreUnknownFields: false, alwaysEmitImplicit: true },
  });
  router.service(CoordinatorService, coordinatorRoutes(options.services, options));
  for (const bare of router.handlers) {
    const handler = withProtocolErrors(bare, { ...options, messageBytesMax });
    yield [handler.requestPath, handler];
    for (const { serviceName, errors } of options.aliases) {
      const requestPath = `/${serviceName}/${handler.method.name}`;
      yield [requestPath, errors === undefined ? handler : withErrorMode(handler, errors)];
    }
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
