import type { ReplicaSets } from './level-tally.js';
import { buildRing, type Ring, replicaSet } from './ring.js';
import { TenantDirectory } from './tenant-directory.js';
import { keyToken, type Token } from './token.js';

/** "inactive" while joining, "draining" while leaving; gone nodes leave the list. */
export type NodeStatus = 'inactive' | 'active' | 'draining';

export interface StorageNode {
  readonly nodeId: string;
  readonly host: string;
  readonly port: number;
  readonly virtualNodes: number;
  readonly zone: string;
  readonly status: NodeStatus;
  /** The id of the data folder that was registered with the node; another folder is a replacement and does not vote. */
  readonly storeId: string;
}

export interface Tenant {
  readonly tenantId: string;
  /** Given once, never reused: the first four bytes of the storage key. */
  readonly number: number;
  readonly replicationFactor: number;
  /** Unix seconds. */
  readonly createdAt: number;
  /** Unix seconds. */
  readonly updatedAt: number;
}

export interface TopologyVersion {
  /** Raised by every change of nodes or of a replication factor. */
  readonly epoch: number;
  /** Raised by every new tenant. */
  readonly nextTenantNumber: number;
}

/** What an epoch is about. */
export interface NodesAtEpoch {
  readonly epoch: number;
  readonly nodes: readonly StorageNode[];
}

/** What the metadata store holds, read in one transaction's view. */
export interface TopologyState extends TopologyVersion, NodesAtEpoch {
  readonly tenants: readonly Tenant[];
}

/** An immutable view that a request uses from start to end. */
export interface TopologySnapshot {
  readonly epoch: number;
  readonly ring: Ring;
  readonly nodes: ReadonlyMap<string, StorageNode>;
  readonly tenants: TenantDirectory;
}

/** Where one key lives at one epoch. */
export interface Placement {
  readonly epoch: number;
  readonly token: Token;
  readonly replicationFactor: number;
  /** The replica sets that count. */
  readonly sets: ReplicaSets;
}

export function snapshotOf(state: NodesAtEpoch & { readonly tenants: readonly Tenant[] }): TopologySnapshot {
  return {
    epoch: state.epoch,
    ring: buildRing(state.nodes.filter(({ status }) => status === 'active')),
    nodes: new Map(state.nodes.map((node) => [node.nodeId, node])),
    tenants: TenantDirectory.of(state.tenants),
  };
}

/** Before anything was loaded. */
export const NO_TOPOLOGY: TopologySnapshot = snapshotOf({ epoch: 0, nodes: [], tenants: [] });

export function placementOf(snapshot: TopologySnapshot, tenant: Tenant, key: Uint8Array): Placement {
  const token = keyToken(tenant.tenantId, key);
  const { replicationFactor } = tenant;
  return {
    epoch: snapshot.epoch,
    token,
    replicationFactor,
    sets: [replicaSet(snapshot.ring, token, replicationFactor)],
  };
}
