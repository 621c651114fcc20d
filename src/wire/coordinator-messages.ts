import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Clock } from '../domain/clock.js';
import { type Migration, percentageOf } from '../domain/migration.js';
import type { NodeHealth } from '../domain/node-health.js';
import type { StorageNode } from '../domain/topology.js';
import type {
  GetMigrationStatusResponseSchema,
  StorageNodeInfoSchema,
  VectorClockSchema,
} from '../gen/coordinator/v1/coordinator_pb.js';

/** The contract's vector clock; the greatest entry first. */
export function vectorClockMessage(clock: Clock): MessageInitShape<typeof VectorClockSchema> {
  return {
    entries: clock.map(({ actor, timestamp }) => ({ coordinatorNodeId: actor, logicalTimestamp: BigInt(timestamp) })),
  };
}

export function migrationMessage(migration: Migration): MessageInitShape<typeof GetMigrationStatusResponseSchema> {
  const { migrationId, type, nodeId, tenantId, status, phase, stalledReason, errorMessage } = migration;
  return {
    migrationId,
    type,
    nodeId,
    tenantId,
    status,
    phase,
    stalledReason,
    errorMessage,
    progress: {
      keysMigrated: BigInt(migration.keysMigrated),
      totalKeys: BigInt(migration.totalKeys),
      percentage: percentageOf(migration),
    },
    startedAt: BigInt(migration.startedAt),
    estimatedCompletion: BigInt(migration.estimatedCompletion),
    bytesMoved: BigInt(migration.bytesMoved),
  };
}

/** One storage node as a coordinator sees it. */
export interface NodeView {
  readonly node: StorageNode;
  readonly health: NodeHealth;
  readonly healthReason: string;
  readonly lastSeenAt: number;
  readonly aheadSeconds: number;
  readonly keysCount: number;
  readonly diskUsagePercent: number;
}

export function storageNodeMessage(view: NodeView): MessageInitShape<typeof StorageNodeInfoSchema> {
  const { node, health, healthReason, lastSeenAt, aheadSeconds, keysCount, diskUsagePercent } = view;
  const { nodeId, host, port, status, virtualNodes, zone } = node;
  return {
    nodeId,
    host,
    port,
    status,
    virtualNodes,
    zone,
    health,
    healthReason,
    lastSeenAt: BigInt(lastSeenAt),
    timestampAheadSeconds: BigInt(aheadSeconds),
    keysCount: BigInt(keysCount),
    diskUsagePercent,
  };
}
