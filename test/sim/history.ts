/**
 * One operation of a client on a register: an attempt and all its retries under one idempotency key are one. Times are of
 * the virtual clock, milliseconds.
 */
export interface RegisterOperation {
  readonly key: string;
  readonly client: string;
  readonly kind: 'write' | 'read';
  /** What was written or read; undefined for a read of an absent key. Every write's value is another one. */
  readonly value: string | undefined;
  readonly invokedMs: number;
  /** Infinity for a write of unknown outcome: it may take effect at any time from its invocation on. */
  readonly returnedMs: number;
}

/** How the client saw the operation end; for people who replay a seed. */
export type Outcome = 'ok' | 'failed' | 'unknown';

export type Level = 'one' | 'quorum' | 'all';

export interface HistoryEntry extends RegisterOperation {
  readonly outcome: Outcome;
  /** "quorum" or "all" take part in the check of linearizability. */
  readonly level: Level;
  readonly note: string;
}

/** The operations that count: failed writes never happened, and reads without an answer say nothing. */
export function registerOperations(history: readonly HistoryEntry[]): RegisterOperation[] {
  return history.filter(
    ({ kind, level, outcome }) => level !== 'one' && (kind === 'write' ? outcome !== 'failed' : outcome === 'ok'),
  );
}

export function describeEntry(entry: HistoryEntry): string {
  const { client, kind, key, value, level, outcome, note } = entry;
  const times = `${entry.invokedMs.toFixed(2).padStart(10)} .. ${entry.returnedMs.toFixed(2).padStart(10)}`;
  return `${times}  ${client.padEnd(4)} ${kind.padEnd(5)} ${key} ${value ?? '(absent)'} at ${level}: ${outcome}${note && ` (${note})`}`;
}
