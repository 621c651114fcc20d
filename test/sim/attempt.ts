import type { QuorateError } from '../../src/domain/errors.js';
import type { WriteOutcome } from '../../src/services/coordinator-services.js';
import type { Outcome } from './history.js';

/** What became of one request, as its client saw it. */
export type Attempt<Result> =
  | { readonly kind: 'ok'; readonly result: Result }
  | { readonly kind: 'failed'; readonly error: QuorateError }
  /** Nobody took the request. */
  | { readonly kind: 'refused' }
  /** No answer came. */
  | { readonly kind: 'lost' };

/** One success decides; else one attempt of unknown outcome leaves the whole operation unknown. */
export function outcomeOf(attempts: readonly Attempt<unknown>[]): Outcome {
  if (attempts.some(({ kind }) => kind === 'ok')) return 'ok';
  return attempts.some(isUnknown) ? 'unknown' : 'failed';
}

/** Acknowledged by more than one replica. */
export function isSettled(attempt: Attempt<WriteOutcome>): boolean {
  return attempt.kind === 'ok' && attempt.result.level !== 'one';
}

/** What one replica acknowledged may be lost with it, or not. */
export function unsettledOutcomeOf(attempts: readonly Attempt<WriteOutcome>[]): Outcome {
  return attempts.some((attempt) => attempt.kind === 'ok' || isUnknown(attempt)) ? 'unknown' : 'failed';
}

export function noteOf(attempt: Attempt<unknown>): string {
  if (attempt.kind === 'ok') return '';
  if (attempt.kind !== 'failed') return `: ${attempt.kind}`;
  const { kind, message, outcomeUnknown } = attempt.error;
  return `: ${kind}${outcomeUnknown ? ', unknown' : ''}, ${message}`;
}

/** Not refused with the assurance that nothing was written, now or later. */
function isUnknown(attempt: Attempt<unknown>): boolean {
  if (attempt.kind === 'lost') return true;
  // Another attempt under the same key still runs, and may succeed.
  return attempt.kind === 'failed' && (attempt.error.outcomeUnknown || attempt.error.kind === 'idempotency_running');
}
