import type { Tenant } from './topology.js';

/** New tenants are copied from directory to directory up to this many; then they join the others in one copy of all. */
const RECENT_MAX = 256;

/**
 * Tenants by id. Never changed once made: a new tenant makes a new directory, which shares what it can with the old one,
 * so that ten thousand tenants cost a few hundred copied entries for each new one, not ten thousand.
 */
export class TenantDirectory {
  readonly #settled: ReadonlyMap<string, Tenant>;
  readonly #recent: ReadonlyMap<string, Tenant>;
  readonly size: number;

  private constructor(settled: ReadonlyMap<string, Tenant>, recent: ReadonlyMap<string, Tenant>) {
    this.#settled = settled;
    this.#recent = recent;
    let size = settled.size;
    for (const tenantId of recent.keys()) if (!settled.has(tenantId)) size++;
    this.size = size;
  }

  static of(tenants: readonly Tenant[]): TenantDirectory {
    return new TenantDirectory(byId(tenants), new Map());
  }

  /** The directory with these tenants, in place of those of the same ids. */
  with(tenants: readonly Tenant[]): TenantDirectory {
    const recent = new Map(this.#recent);
    for (const tenant of tenants) recent.set(tenant.tenantId, tenant);
    if (recent.size <= RECENT_MAX) return new TenantDirectory(this.#settled, recent);
    return new TenantDirectory(new Map([...this.#settled, ...recent]), new Map());
  }

  get(tenantId: string): Tenant | undefined {
    return this.#recent.get(tenantId) ?? this.#settled.get(tenantId);
  }

  *values(): Generator<Tenant> {
    yield* this.#recent.values();
    for (const tenant of this.#settled.values()) if (!this.#recent.has(tenant.tenantId)) yield tenant;
  }
}

function byId(tenants: readonly Tenant[]): Map<string, Tenant> {
  return new Map(tenants.map((tenant) => [tenant.tenantId, tenant]));
}
