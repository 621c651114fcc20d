/** The contract's error codes. */
export type ErrorCode =
  | 'INVALID_REQUEST'
  | 'TENANT_NOT_FOUND'
  | 'TENANT_EXISTS'
  | 'KEY_NOT_FOUND'
  | 'QUORUM_NOT_REACHED'
  | 'IDEMPOTENCY_KEY_CONFLICT'
  | 'INVALID_REPLICATION_FACTOR'
  | 'NODE_IN_USE'
  | 'MIGRATION_NOT_FOUND'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'RATE_LIMIT_EXCEEDED'
  | 'INTERNAL_ERROR';

/** Why a request failed: finer than the code, since one code has several statuses. See `rpc/error-table.ts`. */
export type FailureKind =
  | 'invalid_field'
  | 'unknown_node'
  | 'foreign_node'
  | 'tenant_not_found'
  | 'tenant_exists'
  | 'key_not_found'
  | 'migration_not_found'
  | 'quorum_not_reached'
  | 'deadline_exceeded'
  | 'idempotency_conflict'
  | 'idempotency_running'
  | 'invalid_replication_factor'
  | 'node_in_use'
  | 'metadata_unavailable'
  | 'clock_refused'
  | 'internal';

export interface FailureFacts {
  /** A write of which some replica may have a copy. */
  readonly outcomeUnknown?: boolean;
  readonly replicaCount?: number;
  /** Machine-readable facts for clients: no secrets, SQL or paths. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** The one failure that services raise. Its message is for the client and names the field or the part, and the rule. */
export class QuorateError extends Error {
  readonly kind: FailureKind;
  readonly outcomeUnknown: boolean;
  readonly replicaCount: number;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(kind: FailureKind, message: string, facts: FailureFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'QuorateError';
    this.kind = kind;
    this.outcomeUnknown = facts.outcomeUnknown ?? false;
    this.replicaCount = facts.replicaCount ?? 0;
    this.metadata = facts.metadata ?? {};
  }
}

/** A request field that breaks a rule; nothing was stored. */
export function invalidField(field: string, rule: string): QuorateError {
  return new QuorateError('invalid_field', `${field} ${rule}`, { metadata: { field } });
}

/** The metadata store could not be asked, or its answer was lost. */
export class MetadataUnavailableError extends QuorateError {
  /** False when the store certainly took nothing of it. */
  readonly sent: boolean;

  constructor(message: string, facts: FailureFacts & { readonly sent?: boolean } = {}) {
    super('metadata_unavailable', message, facts);
    this.name = 'MetadataUnavailableError';
    this.sent = facts.sent ?? true;
  }
}
