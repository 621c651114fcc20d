import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresCoordinatorStore } from '../../src/adapters/postgres/coordinator-store.js';
import type { Database } from '../../src/adapters/postgres/database.js';
import { PostgresMigrationStore } from '../../src/adapters/postgres/migration-store.js';
import { listenFeed, silentFeed } from '../../src/adapters/postgres/topology-feed.js';
import { PostgresTopologyStore } from '../../src/adapters/postgres/topology-store.js';
import { systemRandom } from '../../src/adapters/system/system-random.js';
import {
  decideAddNode,
  decideCreateTenant,
  decideRemoveNode,
  type NodeCandidate,
} from '../../src/domain/topology-change.js';
import type { CoordinatorStore } from '../../src/ports/coordinator-store.js';
import type { MigrationStore } from '../../src/ports/migration-store.js';
import type { TopologyFeed, TopologyStore } from '../../src/ports/topology-store.js';
import { eventually } from '../support/eventually.js';
import { MemoryMetadata } from '../support/memory-metadata.js';
import {
  MemoryTopologyStore,
  memoryCoordinatorStore,
  memoryMigrationStore,
  memoryTopologyFeed,
} from '../support/memory-stores.js';
import { openTestDatabase } from '../support/test-database.js';

interface Stores {
  readonly coordinators: CoordinatorStore;
  readonly topology: TopologyStore;
  readonly migrations: MigrationStore;
  readonly feed: TopologyFeed;
  readonly close: () => Promise<void>;
}

const postgresStores = (database: Database, notifies: boolean) => ({
  coordinators: new PostgresCoordinatorStore(database, systemRandom),
  topology: new PostgresTopologyStore(database, notifies),
  migrations: new PostgresMigrationStore(database),
});

const IMPLEMENTATIONS: readonly (readonly [string, () => Promise<Stores>])[] = [
  [
    'in memory',
    async () => {
      const metadata = new MemoryMetadata(systemRandom, () => Date.now());
      return {
        coordinators: memoryCoordinatorStore(metadata),
        topology: new MemoryTopologyStore(metadata),
        migrations: memoryMigrationStore(metadata),
        feed: memoryTopologyFeed(metadata),
        close: async () => {},
      };
    },
  ],
  [
    'in PostgreSQL',
    async () => {
      const { database, settings, close } = await openTestDatabase();
      return { ...postgresStores(database, true), feed: listenFeed(settings), close };
    },
  ],
];

const candidate = (nodeId: string): NodeCandidate => ({
  nodeId,
  host: '127.0.0.1',
  port: 7000 + nodeId.charCodeAt(0),
  virtualNodes: 150,
  zone: 'z',
  storeId: `store-${nodeId}`,
});

describe.each(IMPLEMENTATIONS)('metadata stores %s', (_name, open) => {
  let stores: Stores;

  beforeAll(async () => {
    stores = await open();
  });
  afterAll(() => stores.close());

  const add = (nodeId: string, migrationId = systemRandom.id()) =>
    stores.topology.change({ nodeId }, (state) => decideAddNode(state, candidate(nodeId), migrationId));
  const create = (tenantId: string, replicationFactor = 1) =>
    stores.topology.change({ tenantId }, (state) => decideCreateTenant(state, tenantId, replicationFactor));

  it('make one cluster identity, however often and by however many they are asked', async () => {
    const identities = await Promise.all(Array.from({ length: 5 }, () => stores.coordinators.identity()));
    for (const identity of identities) expect(identity).toEqual(identities[0]);
    expect(identities[0]?.sealingSecrets).toHaveLength(1);
    expect(identities[0]?.sealingSecrets[0]?.secret).toHaveLength(32);
    expect(identities[0]?.sealingSecrets[0]?.retiredAtMs).toBeUndefined();
  });

  it('make a new sealing secret the current one, and retire the one before', async () => {
    const [before] = (await stores.coordinators.identity()).sealingSecrets;
    await stores.coordinators.rotateSealingSecret();
    await stores.coordinators.rotateSealingSecret();
    const { sealingSecrets } = await stores.coordinators.identity();
    expect(sealingSecrets.map(({ retiredAtMs }) => retiredAtMs === undefined)).toEqual([true, false, false]);
    expect(sealingSecrets[2]?.secret).toEqual(before?.secret);
    expect(new Set(sealingSecrets.map(({ secret }) => Buffer.from(secret).toString('hex'))).size).toBe(3);
  });

  it('give each start of a coordinator a greater incarnation, also at the same moment', async () => {
    const raised = await Promise.all(
      Array.from({ length: 10 }, () => stores.coordinators.raiseIncarnation('c', 'h:1')),
    );
    expect(new Set(raised).size).toBe(10);
    const next = await stores.coordinators.raiseIncarnation('c', 'h:1');
    expect(next).toBeGreaterThan(Math.max(...raised));
    expect(await stores.coordinators.raiseIncarnation('other', 'h:2')).toBe(1);
  });

  it('tell their clock with a heartbeat, and whether the same id was started again', async () => {
    const first = await stores.coordinators.raiseIncarnation('beating', 'h:1');
    const beat = await stores.coordinators.heartbeat('beating', first);
    expect(beat.current).toBe(true);
    expect(Math.abs(beat.storeWallMs - Date.now())).toBeLessThan(5000);
    await stores.coordinators.raiseIncarnation('beating', 'h:1');
    expect((await stores.coordinators.heartbeat('beating', first)).current).toBe(false);
  });

  it('raise the epoch with every change of nodes, keep its migration, and hint at it', async () => {
    const stop = new AbortController();
    let hints = 0;
    await stores.feed.subscribe(() => hints++, stop.signal);
    const before = await stores.topology.version();
    const seen = hints;
    const migrationId = systemRandom.id();
    expect(await add('a', migrationId)).toEqual({ kind: 'added', migrationId });
    expect(await stores.topology.version()).toEqual({ ...before, epoch: before.epoch + 1 });
    const state = await stores.topology.load();
    expect(state.epoch).toBe(before.epoch + 1);
    expect(state.nodes).toEqual([{ ...candidate('a'), status: 'active' }]);
    const migration = await stores.migrations.find(migrationId);
    expect(migration).toMatchObject({
      migrationId,
      type: 'node_addition',
      nodeId: 'a',
      tenantId: '',
      status: 'completed',
    });
    expect(migration?.startedAt).toBeGreaterThan(1_700_000_000);
    await eventually(() => hints > seen);
    stop.abort();
  });

  it('tell the newest finished addition and removal of the node that a change is about', async () => {
    const [first, second] = [systemRandom.id(), systemRandom.id()];
    await add('b', first);
    expect(await add('b')).toEqual({ kind: 'present', migrationId: first });
    const remove = (migrationId: string) =>
      stores.topology.change({ nodeId: 'b' }, (state) => decideRemoveNode(state, 'b', migrationId));
    expect(await remove(second)).toEqual({ kind: 'removed', migrationId: second });
    expect(await remove(systemRandom.id())).toEqual({ kind: 'absent', migrationId: second });
    const third = systemRandom.id();
    expect(await add('b', third)).toEqual({ kind: 'added', migrationId: third });
    expect(await add('b')).toEqual({ kind: 'present', migrationId: third });
  });

  it('move an address without another migration', async () => {
    const moved = { ...candidate('b'), port: 9 };
    const answer = await stores.topology.change({ nodeId: 'b' }, (state) =>
      decideAddNode(state, moved, systemRandom.id()),
    );
    expect(answer.kind).toBe('moved');
    const { nodes } = await stores.topology.load();
    expect(nodes.find(({ nodeId }) => nodeId === 'b')).toMatchObject({ port: 9, storeId: 'store-b' });
  });

  it('create a tenant once, also when it is asked for many times at once, and number tenants without repeating', async () => {
    const { epoch, nextTenantNumber } = await stores.topology.version();
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => create('t1')));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const others = await Promise.all(['t2', 't3', 't4'].map((id) => create(id)));
    const { tenants } = await stores.topology.load();
    expect(new Set(tenants.map(({ number }) => number)).size).toBe(4);
    expect(others.map(({ tenantId }) => tenantId)).toEqual(['t2', 't3', 't4']);
    const version = { epoch, nextTenantNumber: nextTenantNumber + 4 };
    expect(await stores.topology.version()).toEqual(version);
    const fresh = await stores.topology.tenantsFrom(nextTenantNumber + 1);
    expect(fresh.version).toEqual(version);
    expect(fresh.tenants.map(({ number }) => number).sort()).toEqual([1, 2, 3].map((i) => nextTenantNumber + i));
    expect((await stores.topology.tenantsFrom(version.nextTenantNumber)).tenants).toEqual([]);
    const found = await stores.topology.findTenant('t1');
    expect(found).toMatchObject({ epoch, tenant: { tenantId: 't1', replicationFactor: 1 } });
    expect(await stores.topology.findTenant('nobody')).toEqual({ epoch, tenant: undefined });
  });

  it('show a change all tenants, and write nothing when its decision throws', async () => {
    const before = await stores.topology.load();
    await expect(add('c')).rejects.toMatchObject({ kind: 'node_in_use' });
    await expect(create('t1')).rejects.toMatchObject({ kind: 'tenant_exists' });
    await expect(
      stores.topology.change({}, (state) => {
        expect(state).toMatchObject({ tenantCount: 4, replicationFactorMax: 1, nextTenantNumber: 5 });
        throw new Error('on second thought');
      }),
    ).rejects.toThrow('on second thought');
    expect(await stores.topology.load()).toEqual(before);
  });

  it('know no migration by an unknown id, nor by something that is none', async () => {
    expect(await stores.migrations.find(systemRandom.id())).toBeUndefined();
    expect(await stores.migrations.find("'; drop table migrations; --")).toBeUndefined();
  });
});

describe('topology stores in PostgreSQL', () => {
  it('do without NOTIFY where the server has none', async () => {
    const { database, close } = await openTestDatabase();
    const { coordinators, topology } = postgresStores(database, false);
    await coordinators.identity();
    await silentFeed.subscribe(() => expect.fail('a hint'), new AbortController().signal);
    await topology.change({ nodeId: 'a' }, (state) => decideAddNode(state, candidate('a'), systemRandom.id()));
    expect((await topology.version()).epoch).toBe(2);
    await close();
  });

  it('refuse by constraint what a decision should never let through', async () => {
    const { database, close } = await openTestDatabase();
    const { coordinators, topology } = postgresStores(database, true);
    await coordinators.identity();
    const broken = topology.change({}, (state) => ({
      answer: undefined,
      change: {
        kind: 'create_tenant',
        tenant: { tenantId: 'x', number: state.nextTenantNumber, replicationFactor: 11, createdAt: 1, updatedAt: 1 },
      },
    }));
    await expect(broken).rejects.toThrow();
    expect((await topology.load()).tenants).toEqual([]);
    await close();
  });
});
