import { covers, type Dot } from '../domain/clock.js';
import type { Clock } from '../ports/clock.js';
import type { ReadResult, ReplicaStreams } from '../ports/replica-stream.js';
import type { CallContext } from './coordinator-services.js';
import { fanOut } from './fan-out.js';
import { operationDeadline } from './operation-deadline.js';
import { type KeyTarget, planReplicas } from './replica-plan.js';
import type { TopologyWatch } from './topology-watch.js';

/** A replica that tells nothing within this time counts as one that met the dot: a write waits for the answer. */
const TOLD_WITHIN_MS = 500;

export interface DotTraceParts {
  readonly topology: TopologyWatch;
  readonly replicas: ReplicaStreams;
  readonly clock: Clock;
}

/**
 * Whether a write with this dot may have been acknowledged, at whatever level: true unless every replica tells that it never
 * met the dot. A replica that held or passed it once has it in its clock.
 */
export async function maybeAcknowledged(
  { topology, replicas, clock }: DotTraceParts,
  target: KeyTarget,
  dot: Dot,
  context: CallContext,
): Promise<boolean> {
  const { nodeIds, operation } = planReplicas(topology, target);
  if (nodeIds.length === 0) return true;
  const deadlineMs = operationDeadline(clock, context, TOLD_WITHIN_MS);
  let untold = nodeIds.length;
  return fanOut(
    nodeIds,
    (nodeId) => replicas.read(nodeId, operation, true, deadlineMs),
    (_, result) => {
      if (!neverMet(result, dot)) return true;
      return --untold === 0 ? false : undefined;
    },
  );
}

function neverMet(result: ReadResult, dot: Dot): boolean {
  if (result.kind !== 'read') return false;
  const { reading } = result;
  switch (reading.kind) {
    case 'absent':
      return true;
    case 'head':
      return !covers(reading.clock, dot);
    case 'record':
      return !covers(reading.record.clock, dot);
  }
}
