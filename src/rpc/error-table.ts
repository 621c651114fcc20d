import { Code } from '@connectrpc/connect';
import type { ErrorCode, FailureKind } from '../domain/errors.js';

export interface ErrorEntry {
  readonly code: ErrorCode;
  /** The Connect and gRPC status. */
  readonly status: Code;
  /** The same request may succeed when sent again as it is, unless it is a write that would then run twice. */
  readonly retryable: boolean;
}

/** The one table from failures to the contract's error codes and to statuses. */
export const ERROR_TABLE: Readonly<Record<FailureKind, ErrorEntry>> = {
  invalid_field: { code: 'INVALID_REQUEST', status: Code.InvalidArgument, retryable: false },
  unknown_node: { code: 'INVALID_REQUEST', status: Code.NotFound, retryable: false },
  foreign_node: { code: 'INVALID_REQUEST', status: Code.FailedPrecondition, retryable: false },
  tenant_not_found: { code: 'TENANT_NOT_FOUND', status: Code.NotFound, retryable: false },
  tenant_exists: { code: 'TENANT_EXISTS', status: Code.AlreadyExists, retryable: false },
  key_not_found: { code: 'KEY_NOT_FOUND', status: Code.NotFound, retryable: false },
  migration_not_found: { code: 'MIGRATION_NOT_FOUND', status: Code.NotFound, retryable: false },
  quorum_not_reached: { code: 'QUORUM_NOT_REACHED', status: Code.Unavailable, retryable: true },
  deadline_exceeded: { code: 'QUORUM_NOT_REACHED', status: Code.DeadlineExceeded, retryable: true },
  idempotency_conflict: { code: 'IDEMPOTENCY_KEY_CONFLICT', status: Code.AlreadyExists, retryable: false },
  idempotency_running: { code: 'IDEMPOTENCY_KEY_CONFLICT', status: Code.Aborted, retryable: true },
  invalid_replication_factor: {
    code: 'INVALID_REPLICATION_FACTOR',
    status: Code.InvalidArgument,
    retryable: false,
  },
  node_in_use: { code: 'NODE_IN_USE', status: Code.FailedPrecondition, retryable: false },
  metadata_unavailable: { code: 'INTERNAL_ERROR', status: Code.Unavailable, retryable: true },
  clock_refused: { code: 'INTERNAL_ERROR', status: Code.Unavailable, retryable: true },
  internal: { code: 'INTERNAL_ERROR', status: Code.Internal, retryable: false },
};
