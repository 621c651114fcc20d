import type { ServiceImpl } from '@connectrpc/connect';
import {
  AddStorageNodeResponseSchema,
  type CoordinatorService,
  CreateTenantResponseSchema,
  GetMigrationStatusResponseSchema,
  GetTenantResponseSchema,
  ListStorageNodesResponseSchema,
  ReadKeyValueResponseSchema,
  RemoveStorageNodeResponseSchema,
  UpdateReplicationFactorResponseSchema,
  WriteKeyValueResponseSchema,
} from '../gen/coordinator/v1/coordinator_pb.js';
import type { CoordinatorServices, NodeChange } from '../services/coordinator-services.js';
import { migrationMessage, storageNodeMessage, vectorClockMessage } from '../wire/coordinator-messages.js';
import { type CallParts, callHandler } from './call.js';

type Method = typeof CoordinatorService.method;
type CoordinatorRoutes = ServiceImpl<typeof CoordinatorService>;

/** The nine RPCs: decode, service, encode. */
export function coordinatorRoutes(services: CoordinatorServices, parts: CallParts): CoordinatorRoutes {
  return { ...keyValueRoutes(services, parts), ...tenantRoutes(services, parts), ...nodeRoutes(services, parts) };
}

function keyValueRoutes(services: CoordinatorServices, parts: CallParts) {
  return {
    writeKeyValue: callHandler<Method['writeKeyValue']['input'], typeof WriteKeyValueResponseSchema>(parts, {
      rpc: 'WriteKeyValue',
      output: WriteKeyValueResponseSchema,
      echo: ({ key, idempotencyKey, consistency }) => ({ key, idempotencyKey, consistency }),
      async run(request, context) {
        const { idempotencyKey, clock, replicaCount, level, isDuplicate } = await services.write(request, context);
        const vectorClock = vectorClockMessage(clock);
        return { idempotencyKey, vectorClock, replicaCount, consistency: level, isDuplicate };
      },
    }),
    readKeyValue: callHandler<Method['readKeyValue']['input'], typeof ReadKeyValueResponseSchema>(parts, {
      rpc: 'ReadKeyValue',
      output: ReadKeyValueResponseSchema,
      echo: ({ key }) => ({ key }),
      async run(request, context) {
        const { value, clock } = await services.read(request, context);
        return { value, vectorClock: vectorClockMessage(clock) };
      },
    }),
  };
}

function tenantRoutes(services: CoordinatorServices, parts: CallParts) {
  return {
    createTenant: callHandler<Method['createTenant']['input'], typeof CreateTenantResponseSchema>(parts, {
      rpc: 'CreateTenant',
      output: CreateTenantResponseSchema,
      echo: ({ tenantId, replicationFactor }) => ({ tenantId, replicationFactor }),
      async run(request) {
        const tenant = await services.createTenant(request.tenantId, request.replicationFactor);
        return { replicationFactor: tenant.replicationFactor, createdAt: BigInt(tenant.createdAt) };
      },
    }),
    updateReplicationFactor: callHandler<
      Method['updateReplicationFactor']['input'],
      typeof UpdateReplicationFactorResponseSchema
    >(parts, {
      rpc: 'UpdateReplicationFactor',
      output: UpdateReplicationFactorResponseSchema,
      echo: ({ tenantId, newReplicationFactor }) => ({ tenantId, newReplicationFactor }),
      async run({ tenantId, newReplicationFactor }) {
        const change = await services.updateReplicationFactor(tenantId, newReplicationFactor);
        return { ...change, updatedAt: BigInt(change.updatedAt) };
      },
    }),
    getTenant: callHandler<Method['getTenant']['input'], typeof GetTenantResponseSchema>(parts, {
      rpc: 'GetTenant',
      output: GetTenantResponseSchema,
      echo: ({ tenantId }) => ({ tenantId }),
      async run({ tenantId }) {
        const { replicationFactor, createdAt, updatedAt } = await services.getTenant(tenantId);
        return { replicationFactor, createdAt: BigInt(createdAt), updatedAt: BigInt(updatedAt) };
      },
    }),
  };
}

function nodeRoutes(services: CoordinatorServices, parts: CallParts) {
  return {
    addStorageNode: callHandler<Method['addStorageNode']['input'], typeof AddStorageNodeResponseSchema>(parts, {
      rpc: 'AddStorageNode',
      output: AddStorageNodeResponseSchema,
      echo: ({ nodeId }) => ({ nodeId }),
      run: async (request) => nodeChangeFields(await services.addStorageNode(request)),
    }),
    removeStorageNode: callHandler<Method['removeStorageNode']['input'], typeof RemoveStorageNodeResponseSchema>(
      parts,
      {
        rpc: 'RemoveStorageNode',
        output: RemoveStorageNodeResponseSchema,
        echo: ({ nodeId }) => ({ nodeId }),
        run: async ({ nodeId, force }) => nodeChangeFields(await services.removeStorageNode(nodeId, force)),
      },
    ),
    getMigrationStatus: callHandler<Method['getMigrationStatus']['input'], typeof GetMigrationStatusResponseSchema>(
      parts,
      {
        rpc: 'GetMigrationStatus',
        output: GetMigrationStatusResponseSchema,
        echo: ({ migrationId }) => ({ migrationId }),
        run: async ({ migrationId }) => migrationMessage(await services.getMigration(migrationId)),
      },
    ),
    listStorageNodes: callHandler<Method['listStorageNodes']['input'], typeof ListStorageNodesResponseSchema>(parts, {
      rpc: 'ListStorageNodes',
      output: ListStorageNodesResponseSchema,
      echo: () => ({}),
      run: async () => ({ nodes: (await services.listStorageNodes()).map(storageNodeMessage) }),
    }),
  };
}

function nodeChangeFields({ migrationId, message, estimatedCompletion }: NodeChange) {
  return { migrationId, message, estimatedCompletion: BigInt(estimatedCompletion) };
}
