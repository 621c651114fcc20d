import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { QuorateError } from '../domain/errors.js';
import { ErrorCode } from '../gen/coordinator/v1/coordinator_pb.js';
import { ErrorDetailSchema } from '../gen/coordinator/v1/errors_pb.js';
import type { Log } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import { ERROR_TABLE, type ErrorEntry } from './error-table.js';

/** Repeats the ErrorCode's name where details are hard to read: for curl, grpcurl and clients of the bare contract. */
export const ERROR_CODE_HEADER = 'coordinator-error-code';

/** One failed call, as clients are told of it. */
export interface Failure extends ErrorEntry {
  /** Begins with the ErrorCode's name. */
  readonly message: string;
  readonly errorCode: ErrorCode;
  readonly outcomeUnknown: boolean;
  readonly replicaCount: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What was thrown, as a failure. Anything unexpected is INTERNAL_ERROR with a request id, and one log line that has it. */
export function failureOf(error: unknown, rpc: string, log: Log, random: Random): Failure {
  const known = error instanceof QuorateError ? error : unexpected(error, rpc, log, random);
  const entry = ERROR_TABLE[known.kind];
  const { outcomeUnknown, replicaCount, metadata } = known;
  const message = `${entry.code}: ${known.message}`;
  return { ...entry, message, errorCode: ErrorCode[entry.code], outcomeUnknown, replicaCount, metadata };
}

/** The failure as a status whose details are ErrorDetail and the RPC's own response. */
export function connectErrorOf<Desc extends DescMessage>(
  failure: Failure,
  schema: Desc,
  response: MessageShape<Desc>,
): ConnectError {
  const { status, code, message, retryable, outcomeUnknown, metadata } = failure;
  const detail = { code: failure.errorCode, message, retryable, outcomeUnknown, metadata: { ...metadata } };
  const details = [
    { desc: ErrorDetailSchema, value: detail },
    { desc: schema, value: response },
  ];
  return new ConnectError(message, status, { [ERROR_CODE_HEADER]: code }, details);
}

function unexpected(err: unknown, rpc: string, log: Log, random: Random): QuorateError {
  const requestId = random.id();
  log.error({ rpc, requestId, err }, 'a request failed unexpectedly');
  return new QuorateError('internal', `something went wrong here; request id ${requestId}`, {
    // Whatever broke may have broken after the write was sent.
    outcomeUnknown: rpc === 'WriteKeyValue',
    metadata: { request_id: requestId },
  });
}
