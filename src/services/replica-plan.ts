import { nodesOf } from '../domain/level-tally.js';
import { type Placement, placementOf, type Tenant } from '../domain/topology.js';
import type { KeyOperation } from '../ports/replica-stream.js';
import { encodeStorageKey } from '../wire/storage-key.js';
import type { TopologyWatch } from './topology-watch.js';

/** One tenant's key. */
export interface KeyTarget {
  readonly tenant: Tenant;
  /** UTF-8. */
  readonly key: Uint8Array;
}

/** Which replicas a request talks to at one epoch, and how. */
export interface ReplicaPlan {
  readonly placement: Placement;
  readonly nodeIds: readonly string[];
  readonly operation: KeyOperation;
}

/** Plans under the present snapshot: a request that was fenced is planned anew under the newer one. */
export function planReplicas(topology: TopologyWatch, target: KeyTarget): ReplicaPlan {
  const { snapshot } = topology;
  const tenant = snapshot.tenants.get(target.tenant.tenantId) ?? target.tenant;
  const placement = placementOf(snapshot, tenant, target.key);
  const storageKey = encodeStorageKey({ tenantNumber: tenant.number, token: placement.token, key: target.key });
  const { epoch, replicationFactor } = placement;
  return { placement, nodeIds: nodesOf(placement.sets), operation: { epoch, replicationFactor, storageKey } };
}
