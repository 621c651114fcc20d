import { MetadataUnavailableError, QuorateError } from '../../domain/errors.js';

/** The server or the way to it is gone, or it can't serve for the moment. */
const UNAVAILABLE = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  '25006', // read_only_sql_transaction: a standby
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53000', // insufficient_resources
  '53100', // disk_full
  '53200', // out_of_memory
  '53300', // too_many_connections
  '57014', // query_canceled: the statement's own deadline
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
]);

/** A statement that took longer than its deadline on this side. */
export class StatementTimeoutError extends Error {
  readonly code = 'CONNECT_TIMEOUT';

  constructor(timeoutMs: number) {
    super(`PostgreSQL did not answer within ${timeoutMs} ms`);
    this.name = 'StatementTimeoutError';
  }
}

/** The code of the innermost cause that has one: SQLSTATE, or the system's. */
export function postgresCode(error: unknown): string | undefined {
  let code: string | undefined;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const own: unknown = 'code' in cause ? cause.code : undefined;
    if (typeof own === 'string') code = own;
  }
  return code;
}

/** The one place where errors of the driver become ours. What is no outage stays what it is: a fault of this program. */
export function translatePostgresError(error: unknown): unknown {
  if (error instanceof QuorateError) return error;
  const code = postgresCode(error);
  if (code === undefined || !(UNAVAILABLE.has(code) || code.startsWith('08'))) return error;
  return new MetadataUnavailableError('the metadata store (PostgreSQL) can not be reached or does not serve', {
    cause: error,
  });
}
