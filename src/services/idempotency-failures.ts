import { QuorateError } from '../domain/errors.js';

export function idempotencyConflict(): QuorateError {
  return new QuorateError('idempotency_conflict', 'idempotency_key was used for a write of another value');
}

/** An earlier attempt holds the lease: it may take effect now or later. */
export function stillRunning(): QuorateError {
  return new QuorateError(
    'idempotency_running',
    'an earlier request with this idempotency_key still runs; send the same request again',
    { outcomeUnknown: true },
  );
}

/** What the time of a request goes to before anything is sent. */
export type Waited = 'replicas' | 'store';

const WAITED: Readonly<Record<Waited, string>> = {
  replicas: 'the replicas were asked for the greatest timestamp that they ever stored',
  store: 'the metadata store (PostgreSQL) was asked',
};

/** The deadline passed before anything was sent. @param metEarlier an earlier attempt is known, which may take effect */
export function tooLateToSend(metEarlier: boolean, waitsFor: Waited = 'store'): QuorateError {
  const message = metEarlier
    ? 'the deadline passed while an earlier request with this idempotency_key was waited for, which may take effect'
    : `the deadline passed while ${WAITED[waitsFor]}; nothing was written`;
  return new QuorateError('deadline_exceeded', message, { outcomeUnknown: metEarlier });
}

/** The same failure of an attempt before which another one may have sent the write, or may still do so. */
export function afterEarlierAttempt(error: unknown): unknown {
  if (!(error instanceof QuorateError) || error.outcomeUnknown || error.kind === 'idempotency_conflict') return error;
  const { kind, message, replicaCount, metadata } = error;
  return new QuorateError(kind, `${message}; an earlier request with this idempotency_key may take effect`, {
    outcomeUnknown: true,
    replicaCount,
    metadata,
    cause: error,
  });
}
