import type { Migration } from '../../src/domain/migration.js';
import type { LockedTopology, TopologyChange, TopologyDecision } from '../../src/domain/topology-change.js';
import type { CoordinatorStore } from '../../src/ports/coordinator-store.js';
import type { MigrationStore } from '../../src/ports/migration-store.js';
import type { ChangeSubject, TopologyFeed, TopologyStore } from '../../src/ports/topology-store.js';
import type { MemoryMetadata } from './memory-metadata.js';

export function memoryCoordinatorStore(metadata: MemoryMetadata): CoordinatorStore {
  return {
    async raiseIncarnation(coordinatorId) {
      const incarnation = (metadata.incarnations.get(coordinatorId) ?? 0) + 1;
      metadata.incarnations.set(coordinatorId, incarnation);
      return incarnation;
    },
    async heartbeat(coordinatorId, incarnation) {
      return { storeWallMs: metadata.wallMs(), current: metadata.incarnations.get(coordinatorId) === incarnation };
    },
    async rotateSealingSecret() {
      metadata.rotateSealingSecret();
    },
    async identity() {
      return { clusterId: metadata.clusterId, sealingSecrets: [...metadata.sealingSecrets] };
    },
  };
}

export function memoryMigrationStore(metadata: MemoryMetadata): MigrationStore {
  return { find: async (id) => metadata.migrations.find(({ migrationId }) => migrationId === id) };
}

/** Hints at once, on every change. */
export function memoryTopologyFeed(metadata: MemoryMetadata): TopologyFeed {
  return {
    async subscribe(onHint, signal) {
      metadata.onEpoch.add(onHint);
      signal.addEventListener('abort', () => metadata.onEpoch.delete(onHint), { once: true });
    },
  };
}

export class MemoryTopologyStore implements TopologyStore {
  readonly #metadata: MemoryMetadata;

  constructor(metadata: MemoryMetadata) {
    this.#metadata = metadata;
  }

  async load() {
    const { epoch, nextTenantNumber, nodes, tenants } = this.#metadata;
    return { epoch, nextTenantNumber, nodes: [...nodes.values()], tenants: [...tenants.values()] };
  }

  async version() {
    const { epoch, nextTenantNumber } = this.#metadata;
    return { epoch, nextTenantNumber };
  }

  async tenantsFrom(tenantNumber: number) {
    const tenants = [...this.#metadata.tenants.values()].filter(({ number }) => number >= tenantNumber);
    return { version: await this.version(), tenants };
  }

  async findTenant(tenantId: string) {
    return { epoch: this.#metadata.epoch, tenant: this.#metadata.tenants.get(tenantId) };
  }

  async change<Answer>(
    subject: ChangeSubject,
    decide: (state: LockedTopology) => TopologyDecision<Answer>,
  ): Promise<Answer> {
    const { answer, change } = decide(this.#locked(subject));
    if (change !== undefined) this.#apply(change);
    return answer;
  }

  #locked({ tenantId = '', nodeId = '' }: ChangeSubject): LockedTopology {
    const { epoch, nextTenantNumber, nodes, tenants, migrations, wallMs } = this.#metadata;
    const newest = (type: Migration['type']) =>
      migrations.findLast((one) => one.nodeId === nodeId && one.type === type && one.status === 'completed');
    return {
      epoch,
      nowSeconds: Math.floor(wallMs() / 1000),
      nodes: [...nodes.values()],
      tenantCount: tenants.size,
      replicationFactorMax: Math.max(0, ...[...tenants.values()].map(({ replicationFactor }) => replicationFactor)),
      nextTenantNumber,
      tenant: tenants.get(tenantId),
      addition: newest('node_addition'),
      removal: newest('node_deletion'),
    };
  }

  #apply(change: TopologyChange): void {
    const { nodes, tenants, migrations } = this.#metadata;
    switch (change.kind) {
      case 'create_tenant':
        tenants.set(change.tenant.tenantId, change.tenant);
        this.#metadata.nextTenantNumber = change.tenant.number + 1;
        return;
      case 'add_node':
        nodes.set(change.node.nodeId, change.node);
        migrations.push(change.migration);
        break;
      case 'move_node': {
        const node = nodes.get(change.nodeId);
        if (node !== undefined) nodes.set(change.nodeId, { ...node, host: change.host, port: change.port });
        break;
      }
      case 'remove_node':
        nodes.delete(change.nodeId);
        migrations.push(change.migration);
        break;
    }
    this.#metadata.raiseEpoch();
  }
}
