import type { ClockGuard } from './clock-guard.js';

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** Whether this coordinator should be sent requests; stays so while PostgreSQL is away. */
export function readinessOf(state: { readonly draining: boolean; readonly guard: ClockGuard }): Readiness {
  if (state.draining) return { ready: false, reason: 'it is shutting down' };
  const { refusal } = state.guard;
  return refusal === undefined ? { ready: true } : { ready: false, reason: refusal };
}
