import { Code } from '@connectrpc/connect';
import type { ErrorCode, FailureKind } from '../../src/domain/errors.js';

export interface ExpectedFailure {
  readonly code: ErrorCode;
  readonly status: Code;
  readonly retryable: boolean;
}

function expected(code: ErrorCode, status: Code, retryable = false): ExpectedFailure {
  return { code, status, retryable };
}

/** What clients are promised for each kind, written down a second time: clients build on it, so no change goes unseen. */
export const EXPECTED_FAILURES: Readonly<Record<FailureKind, ExpectedFailure>> = {
  invalid_field: expected('INVALID_REQUEST', Code.InvalidArgument),
  unknown_node: expected('INVALID_REQUEST', Code.NotFound),
  foreign_node: expected('INVALID_REQUEST', Code.FailedPrecondition),
  tenant_not_found: expected('TENANT_NOT_FOUND', Code.NotFound),
  tenant_exists: expected('TENANT_EXISTS', Code.AlreadyExists),
  key_not_found: expected('KEY_NOT_FOUND', Code.NotFound),
  migration_not_found: expected('MIGRATION_NOT_FOUND', Code.NotFound),
  quorum_not_reached: expected('QUORUM_NOT_REACHED', Code.Unavailable, true),
  deadline_exceeded: expected('QUORUM_NOT_REACHED', Code.DeadlineExceeded, true),
  idempotency_conflict: expected('IDEMPOTENCY_KEY_CONFLICT', Code.AlreadyExists),
  idempotency_running: expected('IDEMPOTENCY_KEY_CONFLICT', Code.Aborted, true),
  invalid_replication_factor: expected('INVALID_REPLICATION_FACTOR', Code.InvalidArgument),
  node_in_use: expected('NODE_IN_USE', Code.FailedPrecondition),
  metadata_unavailable: expected('INTERNAL_ERROR', Code.Unavailable, true),
  clock_refused: expected('INTERNAL_ERROR', Code.Unavailable, true),
  internal: expected('INTERNAL_ERROR', Code.Internal),
};

export const FAILURE_KINDS = Object.keys(EXPECTED_FAILURES) as FailureKind[];
