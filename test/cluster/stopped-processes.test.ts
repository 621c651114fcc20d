import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEAD_AFTER_MS } from '../../src/domain/node-health.js';
import { eventually } from '../support/eventually.js';
import { type CoordinatorClient, ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';

describe('a cluster with', () => {
  let cluster: ProcessCluster;
  let client: CoordinatorClient;

  beforeEach(async () => {
    cluster = await ProcessCluster.make();
  });
  afterEach(async () => {
    for (const { process } of cluster.nodes.values()) process.kill('SIGKILL');
    await Promise.all([...cluster.nodes.values()].map(({ process }) => process.exited));
    await cluster.remove();
    await killAll();
  });

  const write = (key: string, value: Uint8Array, consistency = 'quorum') =>
    client.writeKeyValue({ tenantId: 't', key, value, consistency });
  const read = async (key: string, consistency = 'quorum') =>
    (await client.readKeyValue({ tenantId: 't', key, consistency })).value;

  it('a storage node stopped for longer than anybody waits: others serve, and it is back by itself', async () => {
    client = await cluster.startThree();
    await client.createTenant({ tenantId: 't' });
    await write('k', Buffer.from('before'), 'all');
    const { process } = cluster.node('n2');
    process.kill('SIGSTOP');
    await write('k', Buffer.from('meanwhile'));
    expect(Buffer.from(await read('k')).toString()).toBe('meanwhile');
    await eventually(async () => {
      const { nodes } = await client.listStorageNodes({});
      return nodes.find(({ nodeId }) => nodeId === 'n2')?.health === 'down';
    }, 15_000);
    process.kill('SIGCONT');
    await eventually(() => write('k', Buffer.from('after'), 'all'), 15_000);
    expect(Buffer.from(await read('k', 'all')).toString()).toBe('after');
  });

  it('a coordinator stopped for longer than silent nodes are waited for: it goes on with all of them', async () => {
    client = await cluster.startThree();
    await client.createTenant({ tenantId: 't' });
    await write('k', Buffer.from('before'), 'all');
    const { process } = cluster.coordinator('c1');
    process.kill('SIGSTOP');
    const goOnAtMs = performance.now() + 2 * DEAD_AFTER_MS;
    await eventually(() => performance.now() > goOnAtMs, 3 * DEAD_AFTER_MS);
    process.kill('SIGCONT');
    await Promise.all(Array.from({ length: 20 }, (_, i) => write(`k${i}`, Buffer.from('after'), 'all')));
    const { nodes } = await client.listStorageNodes({});
    expect(nodes.map(({ health }) => health)).toEqual(['up', 'up', 'up']);
    expect(process.stdout() + process.stderr()).not.toContain('it does not answer');
  });
});
