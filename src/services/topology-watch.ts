import { MetadataUnavailableError, QuorateError } from '../domain/errors.js';
import { TenantDirectory } from '../domain/tenant-directory.js';
import { snapshotOf, type Tenant, type TopologySnapshot } from '../domain/topology.js';
import type { Clock } from '../ports/clock.js';
import type { TopologyStore } from '../ports/topology-store.js';

/** How long a tenant that does not exist is remembered as missing. */
const MISS_REMEMBERED_MS = 1000;
const MISSES_MAX = 10_000;

/** A request's view: one snapshot from start to end, and the tenant in it. */
export interface TenantView {
  readonly snapshot: TopologySnapshot;
  readonly tenant: Tenant;
}

/**
 * The topology in memory, as snapshots that never change: a change of nodes or of a replication factor swaps in a new
 * one, and a new tenant one that shares everything else with the last.
 */
export class TopologyWatch {
  readonly #store: TopologyStore;
  readonly #clock: Clock;
  readonly #listeners: ((snapshot: TopologySnapshot) => void)[] = [];
  readonly #misses = new Map<string, number>();
  readonly #lookups = new Map<string, Promise<Tenant | undefined>>();
  #snapshot: TopologySnapshot = snapshotOf({ epoch: 0, nodes: [], tenants: [] });
  /** Tenants below this are known, unless a replication factor has changed since. */
  #nextTenantNumber = 0;
  #loading: Promise<void> | undefined;
  #queued: Promise<void> | undefined;

  constructor(store: TopologyStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get snapshot(): TopologySnapshot {
    return this.#snapshot;
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

  /** Loads what is new: everything with a new epoch, else the new tenants. @throws MetadataUnavailableError */
  async poll(): Promise<void> {
    const { epoch, nextTenantNumber } = await this.#store.version();
    if (epoch !== this.#snapshot.epoch) return this.refresh();
    if (nextTenantNumber <= this.#nextTenantNumber) return;
    const { version, tenants } = await this.#store.tenantsFrom(this.#nextTenantNumber);
    // Whoever learns of a tenant must know the nodes of that epoch: an older ring may miss replicas of its first writes.
    if (version.epoch !== this.#snapshot.epoch) return this.refresh();
    this.#learn(tenants);
    this.#nextTenantNumber = Math.max(this.#nextTenantNumber, version.nextTenantNumber);
  }

  /** Makes sure that the snapshot is at least of the epoch. @throws MetadataUnavailableError */
  async reach(epoch: number): Promise<void> {
    if (this.#snapshot.epoch < epoch) await this.refresh();
    if (this.#snapshot.epoch < epoch) {
      throw new MetadataUnavailableError(
        `a storage node has seen epoch ${epoch} of the topology, but the metadata store says ${this.#snapshot.epoch}`,
      );
    }
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

  async #load(): Promise<void> {
    const state = await this.#store.load();
    if (state.epoch < this.#snapshot.epoch) return;
    const changed = state.epoch !== this.#snapshot.epoch;
    // The ring is rebuilt only when the nodes may be others.
    this.#snapshot = changed ? snapshotOf(state) : { ...this.#snapshot, tenants: TenantDirectory.of(state.tenants) };
    this.#nextTenantNumber = state.nextTenantNumber;
    this.#misses.clear();
    if (changed) for (const listener of this.#listeners) listener(this.#snapshot);
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
