import { QuorateError } from './errors.js';
import { completedAtOnce, type Migration } from './migration.js';
import { REPLICATION_FACTOR_MAX } from './request-fields.js';
import type { StorageNode, Tenant } from './topology.js';

/** RemoveStorageNode of a node that was removed within this time is success. */
export const REMOVAL_REMEMBERED_SECONDS = 24 * 60 * 60;

/** What a topology change sees while it holds the lock row: nobody else changes nodes or creates tenants meanwhile. */
export interface LockedTopology {
  readonly epoch: number;
  /** Unix seconds by the store's clock. */
  readonly nowSeconds: number;
  readonly nodes: readonly StorageNode[];
  readonly tenantCount: number;
  /** The greatest replication factor of any tenant; 0 without tenants. */
  readonly replicationFactorMax: number;
  readonly nextTenantNumber: number;
  /** The tenant that the change is about. */
  readonly tenant: Tenant | undefined;
  /** The newest finished addition of the node that the change is about. */
  readonly addition: Migration | undefined;
  /** Its newest finished removal. */
  readonly removal: Migration | undefined;
}

/** What the store is to write; every one but `create_tenant` raises the epoch. */
export type TopologyChange =
  | { readonly kind: 'create_tenant'; readonly tenant: Tenant }
  | { readonly kind: 'add_node'; readonly node: StorageNode; readonly migration: Migration }
  | { readonly kind: 'move_node'; readonly nodeId: string; readonly host: string; readonly port: number }
  | { readonly kind: 'remove_node'; readonly nodeId: string; readonly migration: Migration };

/** The answer, and the change that makes it true: none where it already is. */
export interface TopologyDecision<Answer> {
  readonly answer: Answer;
  readonly change?: TopologyChange;
}

/** @throws QuorateError tenant_exists, invalid_replication_factor */
export function decideCreateTenant(
  state: LockedTopology,
  tenantId: string,
  replicationFactor: number,
): TopologyDecision<Tenant> {
  if (state.tenant !== undefined) throw new QuorateError('tenant_exists', `tenant "${tenantId}" exists already`);
  const active = state.nodes.filter(({ status }) => status === 'active').length;
  checkReplicationFactor('replication_factor', replicationFactor);
  if (replicationFactor > active) {
    throw replicationFactorFailure(
      'replication_factor',
      `${replicationFactor} needs as many active storage nodes, but there ${active === 1 ? 'is' : 'are'} ${active}: ` +
        'add nodes with AddStorageNode first, or ask for less',
    );
  }
  const tenant: Tenant = {
    tenantId,
    number: state.nextTenantNumber,
    replicationFactor,
    createdAt: state.nowSeconds,
    updatedAt: state.nowSeconds,
  };
  return { answer: tenant, change: { kind: 'create_tenant', tenant } };
}

/** Members that hold no data yet; a change that would have to move data is refused. */
export type NodeCandidate = Omit<StorageNode, 'status'>;

export type NodeAdditionAnswer = { readonly kind: 'added' | 'moved' | 'present'; readonly migrationId: string };

/** @throws QuorateError node_in_use */
export function decideAddNode(
  state: LockedTopology,
  candidate: NodeCandidate,
  migrationId: string,
): TopologyDecision<NodeAdditionAnswer> {
  const { nodeId, host, port, storeId } = candidate;
  const others = state.nodes.filter((node) => node.nodeId !== nodeId);
  const neighbour = others.find((node) => node.host === host && node.port === port);
  if (neighbour !== undefined) {
    throw nodeInUse(`address ${host}:${port} belongs to storage node "${neighbour.nodeId}"`);
  }
  const twin = others.find((node) => node.storeId === storeId);
  if (twin !== undefined) throw nodeInUse(`its data folder is registered with storage node "${twin.nodeId}"`);
  const known = state.nodes.find((node) => node.nodeId === nodeId);
  if (known !== undefined) return decideKnownNode(state, known, candidate);
  if (state.tenantCount > 0) {
    throw nodeInUse(
      `storage node "${nodeId}" can't join a cluster that is in use: moving data is not there yet in this release, ` +
        'so all nodes have to be added before anything is stored',
    );
  }
  const migration = completedAtOnce({ migrationId, type: 'node_addition', nodeId, tenantId: '' }, state.nowSeconds);
  return {
    answer: { kind: 'added', migrationId },
    change: { kind: 'add_node', node: { ...candidate, status: 'active' }, migration },
  };
}

function decideKnownNode(
  state: LockedTopology,
  known: StorageNode,
  candidate: NodeCandidate,
): TopologyDecision<NodeAdditionAnswer> {
  const { nodeId, host, port } = candidate;
  if (known.storeId !== candidate.storeId) {
    throw nodeInUse(`storage node "${nodeId}" is registered with another data folder at ${known.host}:${known.port}`);
  }
  if (known.virtualNodes !== candidate.virtualNodes || known.zone !== candidate.zone) {
    throw nodeInUse(
      `storage node "${nodeId}" is a member with ${known.virtualNodes} virtual nodes and zone "${known.zone}"; ` +
        'to change them, remove it and add it again',
    );
  }
  const migrationId = state.addition?.migrationId ?? '';
  if (known.host === host && known.port === port) return { answer: { kind: 'present', migrationId } };
  return { answer: { kind: 'moved', migrationId }, change: { kind: 'move_node', nodeId, host, port } };
}

export type NodeRemovalAnswer = { readonly kind: 'removed' | 'absent'; readonly migrationId: string };

/** @throws QuorateError unknown_node, node_in_use */
export function decideRemoveNode(
  state: LockedTopology,
  nodeId: string,
  migrationId: string,
): TopologyDecision<NodeRemovalAnswer> {
  if (!state.nodes.some((node) => node.nodeId === nodeId)) {
    const removal = state.removal;
    if (removal !== undefined && removal.estimatedCompletion > state.nowSeconds - REMOVAL_REMEMBERED_SECONDS) {
      return { answer: { kind: 'absent', migrationId: removal.migrationId } };
    }
    throw unknownNode(nodeId);
  }
  const remaining = state.nodes.filter((node) => node.nodeId !== nodeId && node.status === 'active').length;
  if (remaining < state.replicationFactorMax) {
    throw nodeInUse(
      `removing storage node "${nodeId}" would leave ${remaining}, too few for data of which ` +
        `${state.replicationFactorMax} copies are kept`,
    );
  }
  if (state.tenantCount > 0) {
    throw nodeInUse(
      `storage node "${nodeId}" can't leave a cluster that is in use: moving data is not there yet in this release`,
    );
  }
  const migration = completedAtOnce({ migrationId, type: 'node_deletion', nodeId, tenantId: '' }, state.nowSeconds);
  return { answer: { kind: 'removed', migrationId }, change: { kind: 'remove_node', nodeId, migration } };
}

/** @throws QuorateError invalid_replication_factor */
export function checkReplicationFactor(field: string, replicationFactor: number): number {
  if (!Number.isInteger(replicationFactor) || replicationFactor < 1 || replicationFactor > REPLICATION_FACTOR_MAX) {
    throw replicationFactorFailure(field, `must be 1 to ${REPLICATION_FACTOR_MAX}, but is ${replicationFactor}`);
  }
  return replicationFactor;
}

export function replicationFactorFailure(field: string, rule: string): QuorateError {
  return new QuorateError('invalid_replication_factor', `${field} ${rule}`, { metadata: { field } });
}

export function unknownNode(nodeId: string): QuorateError {
  return new QuorateError('unknown_node', `node_id "${nodeId}" is no storage node of this cluster`, {
    metadata: { field: 'node_id' },
  });
}

function nodeInUse(message: string): QuorateError {
  return new QuorateError('node_in_use', message);
}
