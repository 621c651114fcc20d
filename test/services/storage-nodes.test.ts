import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/domain/request-fields.js';
import type { LockedTopology } from '../../src/domain/topology-change.js';
import type { TopologyStore } from '../../src/ports/topology-store.js';
import { AheadWatch } from '../../src/services/ahead-watch.js';
import { StorageNodes } from '../../src/services/storage-nodes.js';
import { seededRandom } from '../support/seeded-random.js';
import { member, smallCluster } from '../support/small-cluster.js';

describe('a change of storage nodes', () => {
  it('is refused while the store holds an older epoch than nodes have seen: it would give an epoch again', async () => {
    const cluster = await smallCluster();
    const locked: LockedTopology = {
      ...cluster.state,
      nowSeconds: 1,
      tenantCount: 1,
      replicationFactorMax: 1,
      tenant: undefined,
      addition: undefined,
      removal: undefined,
    };
    const changes: unknown[] = [];
    const store: Pick<TopologyStore, 'change'> = {
      change: async (_subject, decide) => {
        const { answer, change } = decide({ ...locked, epoch: cluster.state.epoch });
        changes.push(change);
        return answer;
      },
    };
    const introduce = async () => ({ storeId: member('c').storeId });
    const nodes = new StorageNodes({
      ...cluster,
      ahead: new AheadWatch(cluster),
      store: { ...store, load: refused, version: refused, tenantsFrom: refused, findTenant: refused },
      introduction: { introduce },
      random: seededRandom(1),
      limits: DEFAULT_LIMITS,
    });
    const move = (port: number) => nodes.add({ ...member('c'), port });
    await move(7777);
    expect(changes).toMatchObject([{ kind: 'move_node', port: 7777 }]);
    cluster.topology.heard('a', 3);
    const failure = await move(7778).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'metadata_unavailable' });
    expect(String(failure)).toContain('the metadata went back');
    await expect(nodes.remove('c')).rejects.toThrow('the metadata went back');
    expect(changes).toHaveLength(1);
    cluster.state = { ...cluster.state, epoch: 3 };
    await move(7778);
    expect(changes).toHaveLength(2);
  });

  it('meets a node anew, and has it emptied, that has left since this coordinator heard of it', async () => {
    const cluster = await smallCluster();
    const remaining = cluster.state.nodes.filter(({ nodeId }) => nodeId !== 'c');
    const locked: LockedTopology = {
      ...{ ...cluster.state, epoch: 2, nodes: remaining, nowSeconds: 1, tenantCount: 0, replicationFactorMax: 0 },
      ...{ tenant: undefined, addition: undefined, removal: undefined },
    };
    const changes: unknown[] = [];
    const change: TopologyStore['change'] = async (_subject, decide) => {
      const { answer, change } = decide(locked);
      if (change !== undefined) changes.push(change);
      cluster.state = { ...cluster.state, epoch: 2, nodes: remaining };
      return answer;
    };
    const met: boolean[] = [];
    const introduce = async (_nodeId: string, _address: unknown, isMember: boolean) => {
      met.push(isMember);
      return { storeId: 'as it was met' };
    };
    const nodes = new StorageNodes({
      ...cluster,
      ahead: new AheadWatch(cluster),
      store: { change, load: refused, version: refused, tenantsFrom: refused, findTenant: refused },
      introduction: { introduce },
      random: seededRandom(1),
      limits: DEFAULT_LIMITS,
    });
    await nodes.add(member('c'));
    expect(met).toEqual([false]);
    expect(changes).toMatchObject([{ kind: 'add_node', node: { nodeId: 'c', storeId: 'as it was met' } }]);
  });
});

async function refused(): Promise<never> {
  throw new Error('a change asks the store for nothing else');
}
