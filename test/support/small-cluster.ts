import type { StorageNode, Tenant, TopologyState } from '../../src/domain/topology.js';
import type { Clock } from '../../src/ports/clock.js';
import type { TopologyStore } from '../../src/ports/topology-store.js';
import { ClockGuard } from '../../src/services/clock-guard.js';
import type { CallContext } from '../../src/services/coordinator-services.js';
import { TopologyWatch } from '../../src/services/topology-watch.js';
import { ScriptedReplicas } from './scripted-replicas.js';
import { VirtualClock } from './virtual-clock.js';

export const NODE_IDS = ['a', 'b', 'c'] as const;

export const TENANT: Tenant = { tenantId: 'demo', number: 7, replicationFactor: 3, createdAt: 1, updatedAt: 1 };

/** Three scripted nodes on a virtual clock, a tenant with three replicas of each key, and what a store holds of them. */
export interface SmallCluster {
  readonly clock: VirtualClock;
  readonly replicas: ScriptedReplicas;
  readonly topology: TopologyWatch;
  readonly guard: ClockGuard;
  /** What the store answers from now on. */
  state: TopologyState;
}

export async function smallCluster(nodeIds: readonly string[] = NODE_IDS): Promise<SmallCluster> {
  const clock = new VirtualClock();
  const store: Pick<TopologyStore, 'load' | 'version' | 'tenantsFrom' | 'findTenant'> = {
    load: async () => cluster.state,
    version: async () => cluster.state,
    tenantsFrom: async () => ({ version: cluster.state, tenants: cluster.state.tenants }),
    findTenant: async (tenantId) => ({
      epoch: cluster.state.epoch,
      tenant: cluster.state.tenants.find((tenant) => tenant.tenantId === tenantId),
    }),
  };
  const change = () => Promise.reject(new Error('these tests change no topology through the store'));
  const topology = new TopologyWatch({ ...store, change }, clock);
  const state = { epoch: 1, nextTenantNumber: 8, nodes: nodeIds.map(member), tenants: [TENANT] };
  const guard = new ClockGuard(clock);
  const cluster: SmallCluster = { clock, replicas: new ScriptedReplicas(clock, nodeIds), topology, guard, state };
  await topology.refresh();
  return cluster;
}

/** A request that may take so long. */
export function contextWithin(clock: Clock, withinMs: number): CallContext {
  return {
    deadlineMs: clock.monotonicMs() + withinMs,
    deadlineWallMs: clock.wallMs() + withinMs,
    signal: new AbortController().signal,
  };
}

export function member(nodeId: string): StorageNode {
  return {
    nodeId,
    host: '127.0.0.1',
    port: 7000 + nodeId.charCodeAt(0),
    virtualNodes: 16,
    zone: '',
    status: 'active',
    storeId: `store-${nodeId}`,
  };
}
