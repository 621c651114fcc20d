import { checkId, type FieldLimits, REPLICATION_FACTOR_DEFAULT } from '../domain/request-fields.js';
import type { Tenant } from '../domain/topology.js';
import { checkReplicationFactor, decideCreateTenant, replicationFactorFailure } from '../domain/topology-change.js';
import type { TopologyStore } from '../ports/topology-store.js';
import type { ReplicationFactorChange } from './coordinator-services.js';
import type { TopologyWatch } from './topology-watch.js';

/** CreateTenant, UpdateReplicationFactor and GetTenant. */
export class Tenants {
  readonly #store: TopologyStore;
  readonly #topology: TopologyWatch;
  readonly #limits: FieldLimits;

  constructor(store: TopologyStore, topology: TopologyWatch, limits: FieldLimits) {
    this.#store = store;
    this.#topology = topology;
    this.#limits = limits;
  }

  /**
   * @param given 0 means the default of 3
   * @throws QuorateError invalid_field, tenant_exists, invalid_replication_factor, metadata_unavailable
   */
  async create(tenantId: string, given: number): Promise<Tenant> {
    checkId('tenant_id', tenantId, this.#limits);
    const replicationFactor = given === 0 ? REPLICATION_FACTOR_DEFAULT : given;
    checkReplicationFactor('replication_factor', replicationFactor);
    const tenant = await this.#store.change({ tenantId }, (state) =>
      decideCreateTenant(state, tenantId, replicationFactor),
    );
    await this.#topology.created(tenantId);
    return tenant;
  }

  /** @throws QuorateError invalid_field, tenant_not_found, metadata_unavailable */
  async get(tenantId: string): Promise<Tenant> {
    checkId('tenant_id', tenantId, this.#limits);
    return (await this.#topology.tenant(tenantId)).tenant;
  }

  /**
   * The present value is success without a migration; any other would have to move data.
   * @throws QuorateError invalid_field, tenant_not_found, invalid_replication_factor, metadata_unavailable
   */
  async updateReplicationFactor(tenantId: string, wanted: number): Promise<ReplicationFactorChange> {
    checkReplicationFactor('new_replication_factor', wanted);
    const { replicationFactor, updatedAt } = await this.get(tenantId);
    if (wanted !== replicationFactor) {
      throw replicationFactorFailure(
        'new_replication_factor',
        `can't be changed from ${replicationFactor} to ${wanted}: moving data is not there yet in this release`,
      );
    }
    return { oldReplicationFactor: wanted, newReplicationFactor: wanted, migrationId: '', updatedAt };
  }
}
