import { MetadataUnavailableError } from '../../src/domain/errors.js';
import type { StorageNode, Tenant, TopologyState } from '../../src/domain/topology.js';
import type { Clock } from '../../src/ports/clock.js';
import type { TopologyStore } from '../../src/ports/topology-store.js';
import { ClockGuard } from '../../src/services/clock-guard.js';
import type { CallContext } from '../../src/services/coordinator-services.js';
import { TopologyWatch } from '../../src/services/topology-watch.js';
import { ScriptedReplicas } from './scripted-replicas.js';
import { MemoryLog } from './silent-log.js';
import { VirtualClock } from './virtual-clock.js';

export const NODE_IDS = ['a', 'b', 'c'] as const;

export const TENANT: Tenant = { tenantId: 'demo', number: 7, replicationFactor: 3, createdAt: 1, updatedAt: 1 };

/** Three scripted nodes on a virtual clock, a tenant with three replicas of each key, and what a store holds of them. */
export interface SmallCluster {
  readonly clock: VirtualClock;
  readonly replicas: ScriptedReplicas;
  readonly topology: TopologyWatch;
  readonly guard: ClockGuard;
  readonly log: MemoryLog;
  /** What the store answers from now on. */
  state: TopologyState;
  storeAway: boolean;
  /** The store's answers of before are on their way until this resolves. */
  answersHeld: Promise<void> | undefined;
  /** How often everything was asked of the store. */
  loads: number;
}

export async function smallCluster(nodeIds: readonly string[] = NODE_IDS): Promise<SmallCluster> {
  const clock = new VirtualClock();
  const state = async () => {
    if (cluster.storeAway) throw new MetadataUnavailableError('the store is away');
    const { state: asAsked } = cluster;
    await cluster.answersHeld;
    return asAsked;
  };
  const store: Pick<TopologyStore, 'load' | 'version' | 'tenantsFrom' | 'findTenant'> = {
    load: () => {
      cluster.loads++;
      return state();
    },
    version: state,
    tenantsFrom: async () => ({ version: await state(), tenants: cluster.state.tenants }),
    findTenant: async (tenantId) => ({
      epoch: (await state()).epoch,
      tenant: cluster.state.tenants.find((tenant) => tenant.tenantId === tenantId),
    }),
  };
  const change = () => Promise.reject(new Error('these tests change no topology through the store'));
  const log = new MemoryLog();
  const replicas = new ScriptedReplicas(clock, nodeIds);
  const topology = new TopologyWatch({ store: { ...store, change }, replicas, clock, log });
  replicas.onFenced = (nodeId, epoch) => topology.heard(nodeId, epoch);
  const initial = { epoch: 1, nextTenantNumber: 8, nodes: nodeIds.map(member), tenants: [TENANT] };
  const cluster: SmallCluster = {
    clock,
    replicas,
    topology,
    guard: new ClockGuard(clock),
    log,
    state: initial,
    storeAway: false,
    loads: 0,
    answersHeld: undefined,
  };
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
