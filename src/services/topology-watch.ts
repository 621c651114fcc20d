import { MetadataUnavailableError, QuorateError } from '../domain/errors.js';
import { TenantDirectory } from '../domain/tenant-directory.js';
import { NO_TOPOLOGY, type NodesAtEpoch, snapshotOf, type Tenant, type TopologySnapshot } from '../domain/topology.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { ReplicaStreams } from '../ports/replica-stream.js';
import type { TopologyStore } from '../ports/topology-store.js';
import { NewerEpochs } from './newer-epochs.js';

/** How long a tenant that does not exist is remembered as missing. */
const MISS_REMEMBERED_MS = 1000;
const MISSES_MAX = 10_000;

/** A request's view: one snapshot from start to end, and the tenant in it. */
export interface TenantView {
  readonly snapshot: TopologySnapshot;
  readonly tenant: Tenant;
}

export interface TopologyWatchParts {
  readonly store: TopologyStore;
  /** Whom an epoch is asked of that they have seen and the store did not tell. */
  readonly replicas: Pick<ReplicaStreams, 'recall'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The topology in memory. A change of nodes swaps in a new snapshot; a new tenant, which leaves everything else as it
 * is, joins the present one. An epoch that was missed is learnt from the store or, sooner and while the store is away,
 * from a storage node that has seen it: such a snapshot is unconfirmed until the store was read.
 */
export class TopologyWatch {
  readonly #store: TopologyStore;
  readonly #clock: Clock;
  readonly #listeners: ((snapshot: TopologySnapshot) => void)[] = [];
  readonly #misses = new Map<string, number>();
  readonly #lookups = new Map<string, Promise<Tenant | undefined>>();
  #snapshot = NO_TOPOLOGY;
  /** Tenants below this are known, unless a replication factor has changed since. */
  #nextTenantNumber = 0;
  #loading: Promise<void> | undefined;
  #queued: Promise<void> | undefined;
  readonly #newer: NewerEpochs;
  readonly #log: Log;
  #confirmed = true;
  /** Neither nodes nor store told an epoch that nodes have seen, when they were asked last. */
  #stuck = false;
  #wentBack = false;

  constructor({ store, replicas, clock, log }: TopologyWatchParts) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#newer = new NewerEpochs(replicas, clock);
  }

  get snapshot(): TopologySnapshot {
    return this.#snapshot;
  }

  /** Why requests fail whatever the nodes' health: an epoch is missing and can't be learnt. Undefined while none is. */
  get lag(): string | undefined {
    return this.#stuck && this.#newer.greatest > this.#snapshot.epoch ? this.#lagging() : undefined;
  }

  /** The greatest epoch that this coordinator knows to have been committed. */
  get committedEpoch(): number {
    return Math.max(this.#snapshot.epoch, this.#newer.greatest);
  }

  /** A storage node has seen the epoch: it is asked for it at once if it is news. */
  heard(nodeId: string, epoch: number): void {
    this.#newer.heard(nodeId, epoch);
    void this.#askNodes();
  }

  /** Calls back at each new snapshot, before any request uses it. */
  onChange(listener: (snapshot: TopologySnapshot) => void): void {
    this.#listeners.push(listener);
  }

  /** Loads what the store holds from now on: a load that began earlier doesn't do. @throws MetadataUnavailableError */
  refresh(): Promise<void> {
    if (this.#loading === undefined) {
      this.#loading = this.#load().finally(() => {
        this.#loading = undefined;
      });
      return this.#loading;
    }
    const next = () => {
      this.#queued = undefined;
      return this.refresh();
    };
    this.#queued ??= this.#loading.then(next, next);
    return this.#queued;
  }

  /**
   * Asks nodes for what they alone have told so far, then loads what is new at the store: everything with a new epoch,
   * else the new tenants. @throws MetadataUnavailableError
   */
  async poll(): Promise<void> {
    try {
      await this.#askNodes();
      await this.#pollStore();
    } finally {
      this.#stuck = this.#newer.greatest > this.#snapshot.epoch;
    }
  }

  async #pollStore(): Promise<void> {
    const known = this.#snapshot.epoch;
    const { epoch, nextTenantNumber } = await this.#store.version();
    if (this.#isBehind(epoch, known)) return;
    if (epoch !== this.#snapshot.epoch || !this.#confirmed) return this.refresh();
    if (nextTenantNumber <= this.#nextTenantNumber) return;
    const { version, tenants } = await this.#store.tenantsFrom(this.#nextTenantNumber);
    // Whoever learns of a tenant must know the nodes of that epoch: an older ring may miss replicas of its first writes.
    if (version.epoch !== this.#snapshot.epoch) return this.refresh();
    this.#learn(tenants);
    this.#nextTenantNumber = Math.max(this.#nextTenantNumber, version.nextTenantNumber);
  }

  /** Makes sure that the snapshot is at least of the epoch. @throws MetadataUnavailableError */
  async reach(epoch: number): Promise<void> {
    if (this.#snapshot.epoch < epoch) await this.#askNodes();
    if (this.#snapshot.epoch < epoch) await this.refresh();
    if (this.#snapshot.epoch < epoch) throw new MetadataUnavailableError(this.#lagging());
  }

  /** @throws QuorateError tenant_not_found, metadata_unavailable */
  async tenant(tenantId: string): Promise<TenantView> {
    const tenant = this.#snapshot.tenants.get(tenantId) ?? (await this.#find(tenantId));
    if (tenant === undefined) {
      throw new QuorateError('tenant_not_found', `tenant "${tenantId}" does not exist`);
    }
    // The lookup may have taken a while: the newest snapshot and its own idea of the tenant count.
    return { snapshot: this.#snapshot, tenant: this.#snapshot.tenants.get(tenantId) ?? tenant };
  }

  /** A tenant was created here: it is known before anybody asks for it. Where the store went away meanwhile, the next poll does it. */
  async created(tenantId: string): Promise<void> {
    this.#misses.delete(tenantId);
    await this.poll().catch(() => {});
  }

  #askNodes(): Promise<void> {
    return this.#newer.catchUp(
      () => this.#snapshot.epoch,
      (topology) => this.#learnEpoch(topology),
    );
  }

  /** Tenants stay as they were known; those created meanwhile are looked up in the store. */
  #learnEpoch({ epoch, nodes }: NodesAtEpoch): void {
    this.#log.info({ epoch }, 'learnt an epoch of the topology from a storage node, unconfirmed by the metadata store');
    this.#confirmed = false;
    this.#swap({ ...snapshotOf({ epoch, nodes, tenants: [] }), tenants: this.#snapshot.tenants });
  }

  /**
   * Whether the store holds less than was known before it was asked: commits were lost, as by a fail-over to a standby
   * or a restore. What the nodes have seen stands.
   */
  #isBehind(epoch: number, known: number): boolean {
    if (epoch >= known) this.#wentBack = false;
    else if (!this.#wentBack) {
      this.#wentBack = true;
      const facts = { epoch: known, storeEpoch: epoch };
      this.#log.error(
        facts,
        'the metadata went back: the store holds an older epoch of the topology, the newer one stays',
      );
    }
    return epoch < known;
  }

  #lagging(): string {
    const { greatest } = this.#newer;
    return (
      `storage nodes have seen epoch ${greatest} of the topology, this coordinator knows ${this.#snapshot.epoch}: ` +
      'neither they nor the metadata store tell it now'
    );
  }

  async #load(): Promise<void> {
    const known = this.#snapshot.epoch;
    const state = await this.#store.load();
    if (this.#isBehind(state.epoch, known) || state.epoch < this.#snapshot.epoch) return;
    const changed = state.epoch !== this.#snapshot.epoch || !this.#confirmed;
    this.#confirmed = true;
    // The ring is rebuilt only when the nodes may be others.
    const snapshot = changed ? snapshotOf(state) : { ...this.#snapshot, tenants: TenantDirectory.of(state.tenants) };
    this.#nextTenantNumber = state.nextTenantNumber;
    this.#misses.clear();
    if (changed) this.#swap(snapshot);
    else this.#snapshot = snapshot;
  }

  #swap(snapshot: TopologySnapshot): void {
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener(snapshot);
  }

  #find(tenantId: string): Promise<Tenant | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if ((this.#misses.get(tenantId) ?? 0) > nowMs) return Promise.resolve(undefined);
    const running = this.#lookups.get(tenantId);
    if (running !== undefined) return running;
    const lookup = this.#lookUp(tenantId).finally(() => this.#lookups.delete(tenantId));
    this.#lookups.set(tenantId, lookup);
    return lookup;
  }

  async #lookUp(tenantId: string): Promise<Tenant | undefined> {
    const { epoch, tenant } = await this.#store.findTenant(tenantId);
    // As above: the nodes of that epoch come first.
    if (epoch > this.#snapshot.epoch) await this.refresh();
    if (tenant === undefined) {
      this.#rememberMiss(tenantId);
      return undefined;
    }
    if (epoch === this.#snapshot.epoch) this.#learn([tenant]);
    return this.#snapshot.tenants.get(tenantId) ?? tenant;
  }

  /** The present snapshot stays as it is, for whoever uses it; no listener needs to hear of tenants. */
  #learn(tenants: readonly Tenant[]): void {
    this.#snapshot = { ...this.#snapshot, tenants: this.#snapshot.tenants.with(tenants) };
    for (const { tenantId } of tenants) this.#misses.delete(tenantId);
  }

  #rememberMiss(tenantId: string): void {
    if (this.#misses.size >= MISSES_MAX) this.#misses.clear();
    this.#misses.set(tenantId, this.#clock.monotonicMs() + MISS_REMEMBERED_MS);
  }
}
