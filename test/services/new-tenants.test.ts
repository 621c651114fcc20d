import { expect, it } from 'vitest';
import { smallCluster, TENANT } from '../support/small-cluster.js';

const NEW = { ...TENANT, tenantId: 'new', number: 8 };

it.each(['poll', 'lookup', 'refresh'] as const)(
  'a tenant learnt by a %s is in the next snapshot, and not in one that is in use',
  async (how) => {
    const cluster = await smallCluster();
    const { topology } = cluster;
    const heard: number[] = [];
    topology.onChange(({ epoch }) => heard.push(epoch));
    const before = topology.snapshot;
    cluster.state = { ...cluster.state, nextTenantNumber: 9, tenants: [TENANT, NEW] };
    if (how === 'poll') await topology.poll();
    else if (how === 'refresh') await topology.refresh();
    else expect((await topology.tenant('new')).tenant).toEqual(NEW);
    expect(topology.snapshot.tenants.get('new')).toEqual(NEW);
    expect(before.tenants.get('new')).toBeUndefined();
    expect([...before.tenants.values()]).toEqual([TENANT]);
    expect(topology.snapshot.ring).toBe(before.ring);
    expect(heard).toEqual([]);
  },
);
