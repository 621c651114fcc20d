export type NodeHealth = 'up' | 'suspect' | 'down';

/** How often a coordinator looks after an idle storage node, and refreshes its own row. */
export const HEARTBEAT_MS = 1000;

/** Two heartbeats missed. */
export const SUSPECT_AFTER_MS = 2500;

export const DEAD_AFTER_MS = 5000;

/** @param silentMs since the node's last answer, by the monotonic clock; undefined when it never answered */
export function healthOf(silentMs: number | undefined): NodeHealth {
  if (silentMs === undefined || silentMs >= DEAD_AFTER_MS) return 'down';
  return silentMs >= SUSPECT_AFTER_MS ? 'suspect' : 'up';
}
