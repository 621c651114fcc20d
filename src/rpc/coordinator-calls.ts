import type { DescMessage, DescMethodUnary } from '@bufbuild/protobuf';
import { CoordinatorService } from '../gen/coordinator/v1/coordinator_pb.js';
import type { CoordinatorServices, NodeChange } from '../services/coordinator-services.js';
import { migrationMessage, storageNodeMessage, vectorClockMessage } from '../wire/coordinator-messages.js';
import type { Call } from './call.js';

export type CoordinatorCalls = ReturnType<typeof coordinatorCalls>;

const { method } = CoordinatorService;

/** The nine RPCs: decode, service, encode. */
export function coordinatorCalls(services: CoordinatorServices) {
  return { ...keyValueCalls(services), ...tenantCalls(services), ...nodeCalls(services) };
}

function keyValueCalls(services: CoordinatorServices) {
  return {
    writeKeyValue: call(method.writeKeyValue, {
      echo: ({ key, idempotencyKey, consistency }) => ({ key, idempotencyKey, consistency }),
      repetition: ({ idempotencyKey }) => (idempotencyKey === '' ? 'unkeyed_write' : 'keyed_write'),
      async run(request, context) {
        const { idempotencyKey, clock, replicaCount, level, isDuplicate } = await services.write(request, context);
        const vectorClock = vectorClockMessage(clock);
        return { idempotencyKey, vectorClock, replicaCount, consistency: level, isDuplicate };
      },
    }),
    readKeyValue: call(method.readKeyValue, {
      echo: ({ key }) => ({ key }),
      async run(request, context) {
        const { value, clock } = await services.read(request, context);
        return { value, vectorClock: vectorClockMessage(clock) };
      },
    }),
  };
}

function tenantCalls(services: CoordinatorServices) {
  return {
    createTenant: call(method.createTenant, {
      echo: ({ tenantId, replicationFactor }) => ({ tenantId, replicationFactor }),
      async run(request) {
        const tenant = await services.createTenant(request.tenantId, request.replicationFactor);
        return { replicationFactor: tenant.replicationFactor, createdAt: BigInt(tenant.createdAt) };
      },
    }),
    updateReplicationFactor: call(method.updateReplicationFactor, {
      echo: ({ tenantId, newReplicationFactor }) => ({ tenantId, newReplicationFactor }),
      async run({ tenantId, newReplicationFactor }) {
        const change = await services.updateReplicationFactor(tenantId, newReplicationFactor);
        return { ...change, updatedAt: BigInt(change.updatedAt) };
      },
    }),
    getTenant: call(method.getTenant, {
      echo: ({ tenantId }) => ({ tenantId }),
      async run({ tenantId }) {
        const { replicationFactor, createdAt, updatedAt } = await services.getTenant(tenantId);
        return { replicationFactor, createdAt: BigInt(createdAt), updatedAt: BigInt(updatedAt) };
      },
    }),
  };
}

function nodeCalls(services: CoordinatorServices) {
  return {
    addStorageNode: call(method.addStorageNode, {
      echo: ({ nodeId }) => ({ nodeId }),
      run: async (request) => nodeChangeFields(await services.addStorageNode(request)),
    }),
    removeStorageNode: call(method.removeStorageNode, {
      echo: ({ nodeId }) => ({ nodeId }),
      run: async ({ nodeId, force }) => nodeChangeFields(await services.removeStorageNode(nodeId, force)),
    }),
    getMigrationStatus: call(method.getMigrationStatus, {
      echo: ({ migrationId }) => ({ migrationId }),
      run: async ({ migrationId }) => migrationMessage(await services.getMigration(migrationId)),
    }),
    listStorageNodes: call(method.listStorageNodes, {
      echo: () => ({}),
      run: async () => ({ nodes: (await services.listStorageNodes()).map(storageNodeMessage) }),
    }),
  };
}

function call<Input extends DescMessage, Output extends DescMessage>(
  of: DescMethodUnary<Input, Output>,
  spec: Omit<Call<Input, Output>, 'method'>,
): Call<Input, Output> {
  return { method: of, ...spec };
}

function nodeChangeFields({ migrationId, message, estimatedCompletion }: NodeChange) {
  return { migrationId, message, estimatedCompletion: BigInt(estimatedCompletion) };
}
