import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { QuorateError } from '../domain/errors.js';
import { ErrorCode } from '../gen/coordinator/v1/coordinator_pb.js';
import { ErrorDetailSchema } from '../gen/coordinator/v1/errors_pb.js';
import type { Log } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import { ERROR_CODE_HEADER } from './error-headers.js';
import { ERROR_TABLE, type ErrorEntry } from './error-table.js';

/** Words and details of an error travel in headers or trailers, of which clients take few KiB: gRPC's default is 8. */
const MESSAGE_LENGTH_MAX = 1000;
const RESPONSE_BYTES_MAX = 2000;

/** One failed call, as clients are told of it. */
export interface Failure extends ErrorEntry {
  /** Begins with the ErrorCode's name. */
  readonly message: string;
  readonly errorCode: ErrorCode;
  readonly outcomeUnknown: boolean;
  readonly replicaCount: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Whether a request does the same when it runs twice: reads, and writes that bear a client's idempotency key, do. */
export type Repetition = 'harmless' | 'keyed_write' | 'unkeyed_write';

const OPEN_OUTCOME: Readonly<Record<Repetition, string>> = {
  harmless: '',
  keyed_write: '; it may or may not take effect: to be sure, send it again with the same idempotency_key',
  unkeyed_write: '; it may or may not take effect: send it with an idempotency_key to be able to repeat it',
};

/** What was thrown, as a failure. Anything unexpected is INTERNAL_ERROR with a request id, and one log line that has it. */
export function failureOf(
  error: unknown,
  rpc: string,
  log: Log,
  random: Random,
  repetition: Repetition = 'harmless',
): Failure {
  const known = error instanceof QuorateError ? error : unexpected(error, rpc, log, random);
  const entry = ERROR_TABLE[known.kind];
  const { outcomeUnknown, replicaCount, metadata } = known;
  // A second run of a write that was taken would overwrite what others wrote between the two.
  const retryable = entry.retryable && !(outcomeUnknown && repetition === 'unkeyed_write');
  const message = shortened(`${entry.code}: ${known.message}`) + (outcomeUnknown ? OPEN_OUTCOME[repetition] : '');
  return { ...entry, retryable, message, errorCode: ErrorCode[entry.code], outcomeUnknown, replicaCount, metadata };
}

/** The failure as a status whose details are ErrorDetail and, unless it repeats something long, the RPC's own response. */
export function connectErrorOf<Desc extends DescMessage>(
  failure: Failure,
  schema: Desc,
  response: MessageShape<Desc>,
): ConnectError {
  const error = detailedError(failure);
  if (toBinary(schema, response).length <= RESPONSE_BYTES_MAX) error.details.push({ desc: schema, value: response });
  return error;
}

/** What a client sent may stand in a message, at whatever length. */
export function shortened(message: string): string {
  return message.length <= MESSAGE_LENGTH_MAX ? message : `${message.slice(0, MESSAGE_LENGTH_MAX)}…`;
}

/** The failure as a status whose detail is ErrorDetail alone, where there is no RPC to have a response. */
export function detailedError(failure: Failure): ConnectError {
  const { status, code, message, retryable, outcomeUnknown, metadata } = failure;
  const value = { code: failure.errorCode, message, retryable, outcomeUnknown, metadata: { ...metadata } };
  return new ConnectError(message, status, { [ERROR_CODE_HEADER]: code }, [{ desc: ErrorDetailSchema, value }]);
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
