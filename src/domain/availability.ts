import { majority } from './level.js';
import { type Ring, replicaIndexes } from './ring.js';

/**
 * Whether some range of the ring has a majority of its replicas among the nodes that are up: where none has, no quorum
 * request can succeed.
 */
export function someRangeHasMajority(
  ring: Ring,
  replicationFactor: number,
  isUp: (nodeId: string) => boolean,
): boolean {
  const up = ring.members.map(({ nodeId }) => isUp(nodeId));
  const needed = majority(Math.min(replicationFactor, ring.members.length));
  if (up.filter(Boolean).length < needed) return false;
  for (let position = 0; position < ring.owners.length; position++) {
    // In bounds: highs and lows are as long as owners.
    const token = (BigInt(ring.highs[position] as number) << 32n) | BigInt(ring.lows[position] as number);
    const present = replicaIndexes(ring, token, replicationFactor).filter((index) => up[index]);
    if (present.length >= needed) return true;
  }
  return false;
}
