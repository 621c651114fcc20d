import type { RegisterOperation } from './history.js';

/** A value's write and all reads that returned it, and the zone of time that they span. */
interface Cluster {
  readonly value: string;
  /** Earliest return of any of its operations. */
  readonly finishMs: number;
  /** Latest invocation of any of its operations. */
  readonly startMs: number;
}

/**
 * Whether the operations on one register, each write with a value of its own, can be put in an order that each read and
 * write took effect at a moment between its invocation and its return. Exact, in O(n log n), by zones: Gibbons and Korach,
 * "Testing Shared Memories" (SIAM J. Comput. 26, 1997), section 4.
 * @returns why not, for people; undefined when it is linearizable
 */
export function violationOf(operations: readonly RegisterOperation[]): string | undefined {
  const writes = new Map<string, RegisterOperation>();
  for (const operation of operations) {
    if (operation.kind !== 'write') continue;
    if (operation.value === undefined || writes.has(operation.value))
      throw new Error('every write needs a value of its own');
    writes.set(operation.value, operation);
  }
  const clusters = new Map<string | undefined, RegisterOperation[]>([[undefined, []]]);
  for (const [value, write] of writes) clusters.set(value, [write]);
  for (const operation of operations) {
    if (operation.kind !== 'read') continue;
    const cluster = clusters.get(operation.value);
    if (cluster === undefined) return `${operation.value} was read, but nobody wrote it`;
    const write = operation.value === undefined ? undefined : writes.get(operation.value);
    if (write !== undefined && operation.returnedMs < write.invokedMs)
      return `${operation.value} was read before it was written`;
    cluster.push(operation);
  }
  const zones: Cluster[] = [];
  for (const [value, members] of clusters) {
    // The register is absent from the beginning of time, by a write that ended before everything.
    const initial = value === undefined;
    const finishMs = initial ? Number.NEGATIVE_INFINITY : Math.min(...members.map(({ returnedMs }) => returnedMs));
    const startMs = Math.max(Number.NEGATIVE_INFINITY, ...members.map(({ invokedMs }) => invokedMs));
    // A write of unknown outcome that nobody read need not have happened.
    if (finishMs !== Number.POSITIVE_INFINITY) zones.push({ value: value ?? '(absent)', finishMs, startMs });
  }
  return conflictOf(zones);
}

/** What holds even of replicas that forget: nothing is read that nobody had begun to write. */
export function inventionIn(operations: readonly RegisterOperation[]): string | undefined {
  const begun = new Map<string | undefined, number>([[undefined, Number.NEGATIVE_INFINITY]]);
  for (const { kind, value, invokedMs } of operations) if (kind === 'write') begun.set(value, invokedMs);
  const invented = operations.find(
    ({ kind, value, returnedMs }) => kind === 'read' && !((begun.get(value) ?? Number.POSITIVE_INFINITY) < returnedMs),
  );
  return invented === undefined ? undefined : `${invented.value} was read, but nobody had begun to write it`;
}

/** Forward zones (some operation began after another ended) must not overlap, nor hold a whole backward zone. */
function conflictOf(zones: readonly Cluster[]): string | undefined {
  const forward = zones.filter(({ finishMs, startMs }) => finishMs < startMs).sort((a, b) => a.finishMs - b.finishMs);
  let latest: Cluster | undefined;
  for (const zone of forward) {
    if (latest !== undefined && zone.finishMs < latest.startMs) {
      return `${latest.value} was current until after ${latest.startMs.toFixed(2)}, yet ${zone.value} from before ${zone.finishMs.toFixed(2)} until after ${zone.startMs.toFixed(2)}`;
    }
    latest = zone;
  }
  for (const { value, finishMs, startMs } of zones) {
    if (finishMs < startMs) continue;
    const around = forward.find((zone) => zone.finishMs < startMs && finishMs < zone.startMs);
    if (around !== undefined) return `${value} took effect while ${around.value} was current (lost, or out of order)`;
  }
  return undefined;
}
