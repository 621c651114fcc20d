import type { DescService } from '@bufbuild/protobuf';
import { Code, type ConnectError } from '@connectrpc/connect';
import { createAsyncIterable, encodeEnvelope, type UniversalHandler } from '@connectrpc/connect/protocol';
import { errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { trailerFlag, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import { ErrorCode } from '../gen/coordinator/v1/coordinator_pb.js';
import { ERROR_CODE_HEADER } from './error-headers.js';
import { detailedError, shortened } from './failure.js';
import type { ServedService } from './file-index.js';
import { spellGrpcMessage } from './grpc-message.js';

type Request = Parameters<UniversalHandler>[0];
type Response = Awaited<ReturnType<UniversalHandler>>;

const RPC_PATH = /^\/([\w.]+)\/(\w+)$/;
const RPC_TYPE = /^application\/(json|proto|grpc|connect)/;

/** Whether a request means an RPC, so that its sender understands RPC errors and no pages. */
export function meansRpc(path: string, method: string | undefined, contentType: string | undefined): boolean {
  return method === 'POST' && RPC_PATH.test(path) && RPC_TYPE.test(contentType ?? '');
}

/** Answers a call of an RPC that does not exist in its own protocol, and says which do. */
export function answerUnknownRpc(path: string, request: Request, services: readonly ServedService[]): Response {
  const error = unknownRpc(path, services);
  const type = request.header.get('content-type') ?? '';
  if (!type.startsWith('application/grpc')) {
    const header = new Headers({ 'content-type': 'application/json', [ERROR_CODE_HEADER]: 'INVALID_REQUEST' });
    return { status: 404, header, body: createAsyncIterable([errorToJsonBytes(error, {})]) };
  }
  const header = new Headers({ 'content-type': type });
  const trailer = new Headers();
  setTrailerStatus(trailer, error);
  spellGrpcMessage(trailer);
  if (!type.startsWith('application/grpc-web')) return { status: 200, header, trailer };
  return { status: 200, header, body: createAsyncIterable([encodeEnvelope(trailerFlag, trailerSerialize(trailer))]) };
}

function unknownRpc(path: string, services: readonly ServedService[]): ConnectError {
  const [, serviceName = '', method = ''] = RPC_PATH.exec(path) ?? [];
  const served = services.find((each) => each.serviceName === serviceName);
  const message =
    served === undefined
      ? `there is no service ${serviceName}; there are ${services.map((each) => each.serviceName).join(', ')}`
      : `the service ${serviceName} has no RPC ${method}; it has ${rpcNames(served.service)}`;
  return detailedError({
    code: 'INVALID_REQUEST',
    errorCode: ErrorCode.INVALID_REQUEST,
    status: Code.Unimplemented,
    retryable: false,
    message: shortened(`INVALID_REQUEST: ${message}`),
    outcomeUnknown: false,
    replicaCount: 0,
    metadata: {},
  });
}

function rpcNames({ methods }: DescService): string {
  return methods.map(({ name }) => name).join(', ');
}
