import type { DescMethodUnary, JsonObject } from '@bufbuild/protobuf';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import type { CoordinatorServices } from '../../src/services/coordinator-services.js';

const { method } = CoordinatorService;

export const VALUE = Uint8Array.from({ length: 256 }, (_, byte) => 255 - byte);
export const VALUE_BASE64 = Buffer.from(VALUE).toString('base64');
/** Keys are any UTF-8, U+0000 included. */
export const KEY = 'clé\u0000/🗝';

export interface RpcExample {
  readonly rpc: DescMethodUnary;
  readonly request: JsonObject;
  /** The service's method, and what it must have been asked. */
  readonly service: keyof CoordinatorServices;
  readonly asked: readonly unknown[];
  /** The whole answer to the outcome in `OUTCOMES`. */
  readonly answer: JsonObject;
  /** Fields of the request that a failing call's response repeats. */
  readonly echoed: JsonObject;
}

const vectorClock = {
  entries: [
    { coordinatorNodeId: 'c2@7', logicalTimestamp: '9007199254740991' },
    { coordinatorNodeId: 'c1@1', logicalTimestamp: '1' },
  ],
};

const keyValueExamples: readonly RpcExample[] = [
  {
    rpc: method.writeKeyValue,
    request: { tenantId: 'acme', key: KEY, value: VALUE_BASE64, consistency: 'all', idempotencyKey: 'mine' },
    service: 'write',
    asked: [{ tenantId: 'acme', key: KEY, value: VALUE, consistency: 'all', idempotencyKey: 'mine' }],
    answer: {
      success: true,
      key: KEY,
      idempotencyKey: 'issued',
      vectorClock,
      replicaCount: 3,
      consistency: 'quorum',
      isDuplicate: true,
      errorMessage: '',
    },
    echoed: { key: KEY, idempotencyKey: 'mine', consistency: 'all' },
  },
  {
    rpc: method.readKeyValue,
    request: { tenantId: 'acme', key: KEY, consistency: 'one' },
    service: 'read',
    asked: [{ tenantId: 'acme', key: KEY, consistency: 'one' }],
    answer: {
      success: true,
      key: KEY,
      value: Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte)).toString('base64'),
      vectorClock,
      errorMessage: '',
    },
    echoed: { key: KEY },
  },
];

const tenantExamples: readonly RpcExample[] = [
  {
    rpc: method.createTenant,
    request: { tenantId: 'acme', replicationFactor: 4 },
    service: 'createTenant',
    asked: ['acme', 4],
    answer: { success: true, tenantId: 'acme', replicationFactor: 5, createdAt: '1767225600', errorMessage: '' },
    echoed: { tenantId: 'acme', replicationFactor: 4 },
  },
  {
    rpc: method.updateReplicationFactor,
    request: { tenantId: 'acme', newReplicationFactor: 5 },
    service: 'updateReplicationFactor',
    asked: ['acme', 5],
    answer: {
      success: true,
      tenantId: 'acme',
      oldReplicationFactor: 3,
      newReplicationFactor: 5,
      migrationId: 'm-2',
      updatedAt: '1767225602',
      errorMessage: '',
    },
    echoed: { tenantId: 'acme', newReplicationFactor: 5 },
  },
  {
    rpc: method.getTenant,
    request: { tenantId: 'acme' },
    service: 'getTenant',
    asked: ['acme'],
    answer: {
      success: true,
      tenantId: 'acme',
      replicationFactor: 5,
      createdAt: '1767225600',
      updatedAt: '1767225601',
      errorMessage: '',
    },
    echoed: { tenantId: 'acme' },
  },
];

const nodeChange = { success: true, message: 'moving', estimatedCompletion: '1767225700', errorMessage: '' };

const nodeExamples: readonly RpcExample[] = [
  {
    rpc: method.addStorageNode,
    request: { nodeId: 'n4', host: '10.0.0.4', port: 7504, virtualNodes: 200, zone: 'z4' },
    service: 'addStorageNode',
    asked: [{ nodeId: 'n4', host: '10.0.0.4', port: 7504, virtualNodes: 200, zone: 'z4' }],
    answer: { ...nodeChange, nodeId: 'n4', migrationId: 'm-1' },
    echoed: { nodeId: 'n4' },
  },
  {
    rpc: method.removeStorageNode,
    request: { nodeId: 'n1', force: true },
    service: 'removeStorageNode',
    asked: ['n1', true],
    answer: { ...nodeChange, nodeId: 'n1', migrationId: 'm-3' },
    echoed: { nodeId: 'n1' },
  },
  {
    rpc: method.getMigrationStatus,
    request: { migrationId: 'm-1' },
    service: 'getMigration',
    asked: ['m-1'],
    answer: {
      success: true,
      migrationId: 'm-1',
      type: 'node_addition',
      nodeId: 'n4',
      tenantId: 'acme',
      status: 'failed',
      phase: 'copy',
      stalledReason: 'n2 is down',
      progress: { keysMigrated: '30', totalKeys: '40', percentage: 75 },
      startedAt: '1767225603',
      estimatedCompletion: '1767225604',
      bytesMoved: '5000000000',
      // The call succeeded; the migration that it tells of did not.
      errorMessage: 'the target went away',
    },
    echoed: { migrationId: 'm-1' },
  },
  {
    rpc: method.listStorageNodes,
    request: {},
    service: 'listStorageNodes',
    asked: [],
    answer: {
      success: true,
      nodes: [
        {
          nodeId: 'n1',
          host: '10.0.0.1',
          port: 7501,
          status: 'active',
          virtualNodes: 150,
          keysCount: '6000000000',
          diskUsagePercent: 12.5,
          health: 'suspect',
          lastSeenAt: '1767225605',
          timestampAheadSeconds: '7200',
          zone: 'z1',
          healthReason: 'another data folder',
        },
      ],
      errorMessage: '',
    },
    echoed: {},
  },
];

/** One call of each RPC of the contract: what goes in, what the services see of it, what comes out. */
export const NINE_RPCS: readonly RpcExample[] = [...keyValueExamples, ...tenantExamples, ...nodeExamples];
