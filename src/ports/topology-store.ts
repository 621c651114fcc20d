import type { Tenant, TopologyState, TopologyVersion } from '../domain/topology.js';
import type { LockedTopology, TopologyDecision } from '../domain/topology-change.js';

/** The node and tenant that a change is about: the store looks them up under the lock. */
export interface ChangeSubject {
  readonly tenantId?: string;
  readonly nodeId?: string;
}

/** Nodes, tenants and the epoch. Every method throws MetadataUnavailableError when the store can't be asked. */
export interface TopologyStore {
  /** Everything as of one moment. */
  load(): Promise<TopologyState>;

  /** What tells whether anything is new. */
  version(): Promise<TopologyVersion>;

  /** Tenants from the number on, and the version, as of one moment. */
  tenantsFrom(
    tenantNumber: number,
  ): Promise<{ readonly version: TopologyVersion; readonly tenants: readonly Tenant[] }>;

  /** The tenant and the epoch as of one moment: whoever learns of a tenant learns the nodes' epoch with it. */
  findTenant(tenantId: string): Promise<{ readonly epoch: number; readonly tenant: Tenant | undefined }>;

  /**
   * Runs the decision while holding the topology's lock row and commits its change with it, or nothing when the
   * decision throws. Changes run one after the other. A change's own outcome may stay unknown when the store goes
   * away during the commit; repeating the request tells.
   */
  change<Answer>(subject: ChangeSubject, decide: (state: LockedTopology) => TopologyDecision<Answer>): Promise<Answer>;
}

/** Hints that the epoch may have changed; may miss some, so the epoch is polled as well. */
export interface TopologyFeed {
  /** Calls back on every hint until the signal aborts. */
  subscribe(onHint: () => void, signal: AbortSignal): Promise<void>;
}
