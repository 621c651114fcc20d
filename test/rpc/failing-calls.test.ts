import { fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FailureKind, QuorateError } from '../../src/domain/errors.js';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ErrorDetailSchema } from '../../src/gen/coordinator/v1/errors_pb.js';
import { ClientTransports, type TransportName } from '../support/client-transports.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';
import { EXPECTED_FAILURES, FAILURE_KINDS } from './failure-kinds.js';
import { NINE_RPCS, type RpcExample } from './nine-rpcs.js';

const PROTOCOLS: readonly TransportName[] = [
  'Connect JSON, HTTP/1.1',
  'Connect binary with GET for reads, HTTP/2',
  'gRPC',
  'gRPC-Web, HTTP/1.1',
];
const WHOLE = { alwaysEmitImplicit: true } as const;

let served: ServedCoordinator;
let transports: ClientTransports;

beforeAll(async () => {
  served = await serveCoordinator();
  transports = new ClientTransports(served.baseUrl);
});
afterAll(async () => {
  transports?.close();
  await served?.stop();
});

function failWith(kind: FailureKind): void {
  const facts = { outcomeUnknown: true, replicaCount: 1, metadata: { field: 'tenant_id' } };
  served.services.before = () => {
    throw new QuorateError(kind, 'what went wrong', facts);
  };
}

function call(name: TransportName, { rpc, request }: RpcExample, headers?: Record<string, string>) {
  return transports.get(name).unary(rpc, undefined, undefined, headers, fromJson(rpc.input, request));
}

async function failedCall(name: TransportName, example: RpcExample): Promise<ConnectError> {
  const outcome = await call(name, example).catch((error: unknown) => error);
  if (outcome instanceof ConnectError) return outcome;
  throw new Error('the call succeeded, or failed without a status');
}

/** Of a failure whose outcome is unknown; the example's write bears an idempotency key. */
function messageOf({ rpc }: RpcExample, code: string): string {
  const open = '; it may or may not take effect: to be sure, send it again with the same idempotency_key';
  return `${code}: what went wrong${rpc.name === 'WriteKeyValue' ? open : ''}`;
}

/** The RPC's own response of a failed call, with every field. */
function failedResponse(example: RpcExample, kind: FailureKind): JsonObject {
  const { rpc, echoed } = example;
  const { code } = EXPECTED_FAILURES[kind];
  const told = { success: false, errorCode: code, errorMessage: messageOf(example, code) };
  const counted = rpc.name === 'WriteKeyValue' ? { replicaCount: 1 } : {};
  const untold = toJson(rpc.output, fromJson(rpc.output, {}), WHOLE) as JsonObject;
  return { ...untold, ...told, ...counted, ...echoed };
}

describe.each(PROTOCOLS)('a failing call over %s', (name) => {
  it.each(FAILURE_KINDS)('of kind %s ends with its status, its error code and the RPC’s own response', async (kind) => {
    const { code, status, retryable } = EXPECTED_FAILURES[kind];
    failWith(kind);
    for (const example of NINE_RPCS) {
      const error = await failedCall(name, example);
      expect(error.code).toBe(status);
      expect(error.rawMessage).toBe(messageOf(example, code));
      expect(error.metadata.get('coordinator-error-code')).toBe(code);
      expect(error.findDetails(ErrorDetailSchema).map((detail) => toJson(ErrorDetailSchema, detail, WHOLE))).toEqual([
        { code, message: error.rawMessage, retryable, outcomeUnknown: true, metadata: { field: 'tenant_id' } },
      ]);
      const responses = error.findDetails(example.rpc.output);
      expect(responses.map((response) => toJson(example.rpc.output, response, WHOLE))).toEqual([
        failedResponse(example, kind),
      ]);
    }
  });

  it.each(FAILURE_KINDS)('of kind %s answers with the same response to a client that wants it inline', async (kind) => {
    failWith(kind);
    for (const example of NINE_RPCS) {
      const answer = await call(name, example, { 'coordinator-errors': 'inline' });
      expect(toJson(example.rpc.output, answer.message, WHOLE)).toEqual(failedResponse(example, kind));
      expect(answer.header.get('coordinator-error-code')).toBe(EXPECTED_FAILURES[kind].code);
    }
  });
});

describe.each(FAILURE_KINDS)('a write that failed as %s', (kind) => {
  const rpc = CoordinatorService.method.writeKeyValue;

  it.each([
    ['without a key, though some replica may have it', '', true],
    ['with a key, though some replica may have it', 'mine', true],
    ['without a key, and was taken by nobody', '', false],
  ])('%s, is retryable only where it can not run twice', async (_what, idempotencyKey, outcomeUnknown) => {
    served.services.before = () => {
      throw new QuorateError(kind, 'what went wrong', { outcomeUnknown });
    };
    const error = await transports
      .get('gRPC')
      .unary(rpc, undefined, undefined, undefined, { idempotencyKey })
      .catch((failure: unknown) => failure);
    const [detail] = ConnectError.from(error).findDetails(ErrorDetailSchema);
    const mayRunTwice = outcomeUnknown && idempotencyKey === '';
    expect(detail?.retryable).toBe(EXPECTED_FAILURES[kind].retryable && !mayRunTwice);
    const advice = 'send it with an idempotency_key to be able to repeat it';
    expect(detail?.message.includes(advice)).toBe(mayRunTwice);
  });
});

it('says nothing of retries, an unknown outcome or facts that the failure does not have', async () => {
  served.services.before = () => {
    throw new QuorateError('key_not_found', 'there is no such key');
  };
  const [example] = NINE_RPCS;
  if (example === undefined) throw new Error('there are no examples');
  const [detail] = (await failedCall('gRPC', example)).findDetails(ErrorDetailSchema);
  expect(detail).toMatchObject({ retryable: false, outcomeUnknown: false, metadata: {} });
});

it('logs no failure that the contract names: they are the clients’ own', () => {
  expect(served.log.lines).toEqual([]);
});
