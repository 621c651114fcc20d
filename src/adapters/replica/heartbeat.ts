import type { QueuedOperation } from './operation-queue.js';

/** Looks after an idle node; its answer tells the node's fence as well. */
export function heartbeat(epoch: number, deadlineMs: number, onEpoch: (epoch: number) => void): QueuedOperation {
  return {
    epoch,
    kind: { case: 'describe', value: { $typeName: 'storage.v1.Describe' } },
    bytes: 0,
    deadlineMs,
    settle: (outcome) => {
      if ('case' in outcome && outcome.case === 'describe') onEpoch(outcome.value.epoch);
    },
  };
}
