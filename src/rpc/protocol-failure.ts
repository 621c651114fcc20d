import { Code, ConnectError } from '@connectrpc/connect';
import { type ErrorCode as ErrorCodeName, QuorateError } from '../domain/errors.js';
import { ErrorCode } from '../gen/coordinator/v1/coordinator_pb.js';
import type { Log } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import { type Failure, failureOf, shortened } from './failure.js';

/** Whose fault an error is that the protocol layer raised before any handler ran. */
const CODES: Readonly<Partial<Record<Code, ErrorCodeName>>> = {
  [Code.InvalidArgument]: 'INVALID_REQUEST',
  [Code.Unimplemented]: 'INVALID_REQUEST',
  [Code.ResourceExhausted]: 'RATE_LIMIT_EXCEEDED',
  [Code.OutOfRange]: 'INVALID_REQUEST',
  [Code.Canceled]: 'INVALID_REQUEST',
  [Code.DeadlineExceeded]: 'QUORUM_NOT_REACHED',
};

/** How Connect tells of a header that it can't read. */
const BAD_TIMEOUT = /invalid (grpc|connect) timeout value: (.*)$/;
const TIMEOUT_RULES = {
  grpc: 'header grpc-timeout must be up to 8 digits and a unit: H, M, S, m, u or n',
  connect: 'header connect-timeout-ms must be up to 10 digits',
};

/** How Connect tells of a compressed message without its header; for it that is an internal error. */
const UNNAMED_COMPRESSION = 'received compressed envelope';

/** How Connect tells of a message that is longer than it may be. */
const TOO_LONG = /larger than configured readMaxBytes (\d+)/;

/** How Connect tells of a binary body that it can't decode; for it that is an internal error. */
const UNDECODABLE = 'parse binary: ';

/** The error with the status and the words that its cause deserves: a body that can't be decoded is the client's fault. */
export function asClientError(error: ConnectError, message: string): ConnectError {
  const [, protocol, value] = BAD_TIMEOUT.exec(error.rawMessage) ?? [];
  if (protocol === 'grpc' || protocol === 'connect') {
    const message = `${TIMEOUT_RULES[protocol]}, but is ${JSON.stringify(value)}`;
    return new ConnectError(message, Code.InvalidArgument);
  }
  if (error.rawMessage.includes(UNNAMED_COMPRESSION)) {
    return new ConnectError('a message is flagged as compressed, but no header says how', Code.InvalidArgument);
  }
  const [, bytesMax] = TOO_LONG.exec(error.rawMessage) ?? [];
  if (bytesMax !== undefined) {
    return new ConnectError(`the request must be at most ${bytesMax} bytes long`, Code.InvalidArgument);
  }
  if (!error.rawMessage.startsWith(UNDECODABLE)) return error;
  return new ConnectError(
    `the body is no ${message}: ${error.rawMessage.slice(UNDECODABLE.length)}`,
    Code.InvalidArgument,
  );
}

/** The protocol layer's own error, as clients are told of every other; its status stays. What it can't explain is INTERNAL_ERROR. */
export function protocolFailure(error: ConnectError, rpc: string, log: Log, random: Random): Failure {
  const code = CODES[error.code];
  if (code === undefined) return failureOf(new Error(error.rawMessage, { cause: error }), rpc, log, random);
  return {
    code,
    errorCode: ErrorCode[code],
    status: error.code,
    retryable: error.code === Code.DeadlineExceeded || error.code === Code.ResourceExhausted,
    message: shortened(`${code}: ${error.rawMessage}`),
    outcomeUnknown: false,
    replicaCount: 0,
    metadata: {},
  };
}

/** A field that is no UTF-8, told as the domain tells of bad fields. */
export function badTextFailure(field: string, rpc: string, log: Log, random: Random): Failure {
  return failureOf(
    new QuorateError('invalid_field', `${field} must be valid UTF-8`, { metadata: { field } }),
    rpc,
    log,
    random,
  );
}
