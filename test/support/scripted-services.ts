import type { CallContext, CoordinatorServices } from '../../src/services/coordinator-services.js';

type Method = keyof CoordinatorServices;
type Outcomes = { readonly [M in Method]: Awaited<ReturnType<CoordinatorServices[M]>> };

/** Greater than any 32-bit number, and the greatest that a dot may have. */
export const GREATEST_TIMESTAMP = Number.MAX_SAFE_INTEGER;

const CLOCK = [
  { actor: 'c2@7', timestamp: GREATEST_TIMESTAMP },
  { actor: 'c1@1', timestamp: 1 },
];
const TENANT = {
  tenantId: 'acme',
  number: 1,
  replicationFactor: 5,
  createdAt: 1_767_225_600,
  updatedAt: 1_767_225_601,
};
const NODE_CHANGE = { migrationId: 'm-1', message: 'moving', estimatedCompletion: 1_767_225_700 };

/** What every method answers unless a test says otherwise: no field has its type's zero value where another is possible. */
export const OUTCOMES: Outcomes = {
  write: { idempotencyKey: 'issued', clock: CLOCK, replicaCount: 3, level: 'quorum', isDuplicate: true },
  read: { value: Uint8Array.from({ length: 256 }, (_, byte) => byte), clock: CLOCK },
  createTenant: TENANT,
  updateReplicationFactor: {
    oldReplicationFactor: 3,
    newReplicationFactor: 5,
    migrationId: 'm-2',
    updatedAt: 1_767_225_602,
  },
  getTenant: TENANT,
  addStorageNode: NODE_CHANGE,
  removeStorageNode: { ...NODE_CHANGE, migrationId: 'm-3' },
  getMigration: {
    migrationId: 'm-1',
    type: 'node_addition',
    nodeId: 'n4',
    tenantId: 'acme',
    status: 'failed',
    phase: 'copy',
    stalledReason: 'n2 is down',
    errorMessage: 'the target went away',
    keysMigrated: 30,
    totalKeys: 40,
    bytesMoved: 5_000_000_000,
    startedAt: 1_767_225_603,
    estimatedCompletion: 1_767_225_604,
  },
  listStorageNodes: [
    {
      node: {
        nodeId: 'n1',
        host: '10.0.0.1',
        port: 7501,
        virtualNodes: 150,
        zone: 'z1',
        status: 'active',
        storeId: 'a secret of the cluster',
      },
      health: 'suspect',
      healthReason: 'another data folder',
      aheadSeconds: 7200,
      lastSeenAt: 1_767_225_605,
      keysCount: 6_000_000_000,
      diskUsagePercent: 12.5,
    },
  ],
};

/** The services behind the RPCs, played from a script: keeps what it is asked and answers as it is told. */
export class ScriptedServices implements CoordinatorServices {
  readonly calls: { readonly method: Method; readonly asked: readonly unknown[] }[] = [];
  readonly contexts: CallContext[] = [];
  outcomes: Outcomes = OUTCOMES;
  /** Runs before each answer: throws to fail the call, waits to let it hang. */
  before: () => unknown = () => undefined;

  write: CoordinatorServices['write'] = (request, context) => this.#play('write', [request], context);
  read: CoordinatorServices['read'] = (request, context) => this.#play('read', [request], context);
  createTenant: CoordinatorServices['createTenant'] = (...asked) => this.#play('createTenant', asked);
  updateReplicationFactor: CoordinatorServices['updateReplicationFactor'] = (...asked) =>
    this.#play('updateReplicationFactor', asked);
  getTenant: CoordinatorServices['getTenant'] = (...asked) => this.#play('getTenant', asked);
  addStorageNode: CoordinatorServices['addStorageNode'] = (...asked) => this.#play('addStorageNode', asked);
  removeStorageNode: CoordinatorServices['removeStorageNode'] = (...asked) => this.#play('removeStorageNode', asked);
  getMigration: CoordinatorServices['getMigration'] = (...asked) => this.#play('getMigration', asked);
  listStorageNodes: CoordinatorServices['listStorageNodes'] = () => this.#play('listStorageNodes', []);

  async #play<M extends Method>(method: M, asked: readonly unknown[], context?: CallContext): Promise<Outcomes[M]> {
    this.calls.push({ method, asked });
    if (context !== undefined) this.contexts.push(context);
    await this.before();
    return this.outcomes[method];
  }
}
