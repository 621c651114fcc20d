import type { Clock } from '../domain/clock.js';
import type { Level } from '../domain/level.js';
import type { Migration } from '../domain/migration.js';
import type { NodeHealth } from '../domain/node-health.js';
import type { StorageNode, Tenant } from '../domain/topology.js';

/** How long a call may take: whatever comes first ends it. */
export interface CallContext {
  /** A point of the monotonic clock, milliseconds. */
  readonly deadlineMs: number;
  /** The same point of the wall clock, Unix milliseconds: the monotonic clock may stand still while a machine sleeps. */
  readonly deadlineWallMs: number;
  /** Aborts when the client went away. */
  readonly signal: AbortSignal;
}

export interface WriteRequest {
  readonly tenantId: string;
  readonly key: string;
  readonly value: Uint8Array;
  /** "one", "quorum" or "all"; "" means "quorum". */
  readonly consistency: string;
  /** "" asks for a sealed one. */
  readonly idempotencyKey: string;
}

export interface WriteOutcome {
  /** The client's, or the sealed one that the server issued. */
  readonly idempotencyKey: string;
  readonly clock: Clock;
  readonly replicaCount: number;
  readonly level: Level;
  /** An earlier answer is returned. */
  readonly isDuplicate: boolean;
}

export interface ReadRequest {
  readonly tenantId: string;
  readonly key: string;
  readonly consistency: string;
}

export interface ReadOutcome {
  readonly value: Uint8Array;
  readonly clock: Clock;
}

export interface ReplicationFactorChange {
  readonly oldReplicationFactor: number;
  readonly newReplicationFactor: number;
  /** "" when there was nothing to change. */
  readonly migrationId: string;
  /** Unix seconds. */
  readonly updatedAt: number;
}

export interface NodeRequest {
  readonly nodeId: string;
  readonly host: string;
  readonly port: number;
  /** 0 means the default. */
  readonly virtualNodes: number;
  readonly zone: string;
}

export interface NodeChange {
  readonly migrationId: string;
  /** For people. */
  readonly message: string;
  /** Unix seconds. */
  readonly estimatedCompletion: number;
}

export interface ListedNode {
  readonly node: StorageNode;
  readonly health: NodeHealth;
  /** Empty when the node votes. */
  readonly healthReason: string;
  /** Unix seconds; 0 when it never answered this coordinator. */
  readonly lastSeenAt: number;
  /** How far what it holds lies ahead of this coordinator's clock, seconds; 0 where clocks may differ so. */
  readonly aheadSeconds: number;
  /** The last known figures. */
  readonly keysCount: number;
  readonly diskUsagePercent: number;
}

/** What a coordinator does for its clients. Every method throws QuorateError for an outcome that the contract names. */
export interface CoordinatorServices {
  write(request: WriteRequest, context: CallContext): Promise<WriteOutcome>;
  read(request: ReadRequest, context: CallContext): Promise<ReadOutcome>;
  createTenant(tenantId: string, replicationFactor: number): Promise<Tenant>;
  updateReplicationFactor(tenantId: string, newReplicationFactor: number): Promise<ReplicationFactorChange>;
  getTenant(tenantId: string): Promise<Tenant>;
  addStorageNode(request: NodeRequest): Promise<NodeChange>;
  removeStorageNode(nodeId: string, force: boolean): Promise<NodeChange>;
  getMigration(migrationId: string): Promise<Migration>;
  listStorageNodes(): Promise<readonly ListedNode[]>;
}
