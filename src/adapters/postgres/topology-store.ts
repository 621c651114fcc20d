import { and, desc, eq, gte, placeholder, sql } from 'drizzle-orm';
import type { Migration } from '../../domain/migration.js';
import type { StorageNode, Tenant, TopologyVersion } from '../../domain/topology.js';
import type { LockedTopology, TopologyChange, TopologyDecision } from '../../domain/topology-change.js';
import type { ChangeSubject, TopologyStore } from '../../ports/topology-store.js';
import type { Database } from './database.js';
import { migrationOf, migrationRow } from './migration-row.js';
import { cluster } from './schema/cluster.js';
import { migrations } from './schema/migrations.js';
import { storageNodes } from './schema/storage-nodes.js';
import { tenants } from './schema/tenants.js';

/** The channel on which changes of the epoch are hinted. */
export const TOPOLOGY_CHANNEL = 'quorate_topology';

type Transaction = Parameters<Parameters<Database['drizzle']['transaction']>[0]>[0];

/** Nodes, tenants and the epoch in PostgreSQL. The rules of a change are the domain's; constraints carry its invariants. */
export class PostgresTopologyStore implements TopologyStore {
  readonly #database: Database;
  readonly #notifies: boolean;
  readonly #version: ReturnType<typeof prepareVersion>;
  readonly #tenantsFrom: ReturnType<typeof prepareTenantsFrom>;
  readonly #findTenant: ReturnType<typeof prepareFindTenant>;

  /** @param notifies whether the server has NOTIFY */
  constructor(database: Database, notifies: boolean) {
    this.#database = database;
    this.#notifies = notifies;
    this.#version = prepareVersion(database);
    this.#tenantsFrom = prepareTenantsFrom(database);
    this.#findTenant = prepareFindTenant(database);
  }

  load() {
    return this.#database.run(() =>
      this.#database.drizzle.transaction(
        async (tx) => {
          const [row] = await tx.select(VERSION).from(cluster);
          const nodes = await tx.select().from(storageNodes);
          const tenantRows = await tx.select().from(tenants);
          return { ...(row ?? NO_VERSION), nodes: nodes.map(nodeOf), tenants: tenantRows.map(tenantOf) };
        },
        { isolationLevel: 'repeatable read', accessMode: 'read only' },
      ),
    );
  }

  async version(): Promise<TopologyVersion> {
    const [row] = await this.#database.run(() => this.#version.execute());
    return row ?? NO_VERSION;
  }

  async tenantsFrom(tenantNumber: number) {
    const rows = await this.#database.run(() => this.#tenantsFrom.execute({ tenantNumber }));
    const version = rows[0]?.version ?? NO_VERSION;
    return { version, tenants: rows.flatMap(({ tenant }) => (tenant === null ? [] : [tenantOf(tenant)])) };
  }

  async findTenant(tenantId: string) {
    const [row] = await this.#database.run(() => this.#findTenant.execute({ tenantId }));
    return { epoch: row?.epoch ?? 0, tenant: row?.tenant ? tenantOf(row.tenant) : undefined };
  }

  change<Answer>(subject: ChangeSubject, decide: (state: LockedTopology) => TopologyDecision<Answer>): Promise<Answer> {
    return this.#database.run(() =>
      this.#database.drizzle.transaction(async (tx) => {
        const { answer, change } = decide(await lockTopology(tx, subject));
        if (change !== undefined) await this.#apply(tx, change);
        return answer;
      }),
    );
  }

  async #apply(tx: Transaction, change: TopologyChange): Promise<void> {
    switch (change.kind) {
      case 'create_tenant':
        return createTenant(tx, change.tenant);
      case 'add_node':
        await tx.insert(storageNodes).values(change.node);
        await tx.insert(migrations).values(migrationRow(change.migration));
        break;
      case 'move_node': {
        const { nodeId, host, port } = change;
        await tx.update(storageNodes).set({ host, port, updatedAt: sql`now()` }).where(eq(storageNodes.nodeId, nodeId));
        break;
      }
      case 'remove_node':
        await tx.delete(storageNodes).where(eq(storageNodes.nodeId, change.nodeId));
        await tx.insert(migrations).values(migrationRow(change.migration));
        break;
    }
    await tx.update(cluster).set({ epoch: sql`${cluster.epoch} + 1` });
    if (this.#notifies) await tx.execute(sql`select pg_notify(${TOPOLOGY_CHANNEL}, '')`);
  }
}

async function createTenant(tx: Transaction, { number, ...tenant }: Tenant): Promise<void> {
  const at = new Date(tenant.createdAt * 1000);
  await tx.insert(tenants).values({ ...tenant, tenantNumber: number, createdAt: at, updatedAt: at });
  await tx.update(cluster).set({ nextTenantNumber: number + 1 });
}

/** Locks the one row first: whoever changes nodes or creates a tenant waits here. */
async function lockTopology(tx: Transaction, { tenantId = '', nodeId = '' }: ChangeSubject): Promise<LockedTopology> {
  const nowSeconds = sql<string>`floor(extract(epoch from now()))`;
  const locked = { epoch: cluster.epoch, nextTenantNumber: cluster.nextTenantNumber, nowSeconds };
  const [row] = await tx.select(locked).from(cluster).for('update');
  if (row === undefined) throw new Error('The cluster row is missing: no coordinator has made the identity.');
  const nodes = await tx.select().from(storageNodes);
  const summed = { count: sql<string>`count(*)`, max: sql<string>`coalesce(max(${tenants.replicationFactor}), 0)` };
  const [summary] = await tx.select(summed).from(tenants);
  const [tenant] = await tx.select().from(tenants).where(eq(tenants.tenantId, tenantId));
  return {
    epoch: row.epoch,
    nowSeconds: Number(row.nowSeconds),
    nodes: nodes.map(nodeOf),
    tenantCount: Number(summary?.count ?? 0),
    replicationFactorMax: Number(summary?.max ?? 0),
    nextTenantNumber: row.nextTenantNumber,
    tenant: tenant === undefined ? undefined : tenantOf(tenant),
    addition: await newestCompleted(tx, nodeId, 'node_addition'),
    removal: await newestCompleted(tx, nodeId, 'node_deletion'),
  };
}

async function newestCompleted(
  tx: Transaction,
  nodeId: string,
  type: 'node_addition' | 'node_deletion',
): Promise<Migration | undefined> {
  const wanted = and(eq(migrations.nodeId, nodeId), eq(migrations.type, type), eq(migrations.status, 'completed'));
  const [row] = await tx.select().from(migrations).where(wanted).orderBy(desc(migrations.createdAt)).limit(1);
  return row === undefined ? undefined : migrationOf(row);
}

const VERSION = { epoch: cluster.epoch, nextTenantNumber: cluster.nextTenantNumber };
/** Before the cluster's row is made. */
const NO_VERSION: TopologyVersion = { epoch: 0, nextTenantNumber: 0 };

function prepareVersion({ drizzle }: Database) {
  return drizzle.select(VERSION).from(cluster).prepare('quorate_version');
}

/** One statement, so that version and tenants are of one moment. */
function prepareTenantsFrom({ drizzle }: Database) {
  return drizzle
    .select({ version: VERSION, tenant: tenants })
    .from(cluster)
    .leftJoin(tenants, gte(tenants.tenantNumber, placeholder('tenantNumber')))
    .prepare('quorate_tenants_from');
}

function prepareFindTenant({ drizzle }: Database) {
  return drizzle
    .select({ epoch: cluster.epoch, tenant: tenants })
    .from(cluster)
    .leftJoin(tenants, eq(tenants.tenantId, placeholder('tenantId')))
    .prepare('quorate_find_tenant');
}

function nodeOf({ createdAt: _c, updatedAt: _u, ...node }: typeof storageNodes.$inferSelect): StorageNode {
  return node;
}

function tenantOf({ tenantNumber, createdAt, updatedAt, ...tenant }: typeof tenants.$inferSelect): Tenant {
  return { ...tenant, number: tenantNumber, createdAt: seconds(createdAt), updatedAt: seconds(updatedAt) };
}

function seconds(moment: Date): number {
  return Math.floor(moment.getTime() / 1000);
}
