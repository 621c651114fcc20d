import { postgresCode } from './postgres-errors.js';

/** serialization_failure and deadlock_detected: the statement was undone, and may well succeed now. */
const CONFLICTS = new Set(['40001', '40P01']);
/** Who was the victim three times meets something else than chance. */
const ATTEMPTS_MAX = 3;

/** Runs the statement again when PostgreSQL undid it in favour of another one. */
export async function despiteConflicts<Result>(statement: () => PromiseLike<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await statement();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !CONFLICTS.has(postgresCode(error) ?? '')) throw error;
    }
  }
}
