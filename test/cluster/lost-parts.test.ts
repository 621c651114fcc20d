import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { failureOfCall } from '../support/failing-call.js';
import { type CoordinatorClient, ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';

describe('a cluster that loses parts', () => {
  let cluster: ProcessCluster;
  let client: CoordinatorClient;

  beforeEach(async () => {
    cluster = await ProcessCluster.make();
    client = await cluster.startThree();
    await client.createTenant({ tenantId: 't' });
  });
  afterEach(async () => {
    await cluster.remove();
    await killAll();
  });

  const write = (key: string, text: string, more: object = {}) =>
    client.writeKeyValue({ tenantId: 't', key, value: Buffer.from(text), ...more });
  const read = async (key: string, consistency = 'quorum') =>
    Buffer.from((await client.readKeyValue({ tenantId: 't', key, consistency })).value).toString();

  const readyz = async () => {
    const answer = await fetch(`${cluster.coordinator('c1').url}/readyz`);
    return `${answer.status} ${await answer.text()}`;
  };

  it('says QUORUM_NOT_REACHED without a majority, serves level one, and recovers by itself', async () => {
    await write('k', 'v', { consistency: 'all' });
    expect(await readyz()).toBe('200 ready\n');
    for (const nodeId of ['n2', 'n3']) {
      cluster.node(nodeId).process.kill('SIGKILL');
      await cluster.node(nodeId).process.exited;
    }
    const failure = await failureOfCall(write('k', 'w'));
    expect(failure).toMatchObject({ status: 'Unavailable', code: 'QUORUM_NOT_REACHED', retryable: true });
    expect(await failureOfCall(read('k'))).toMatchObject({ status: 'Unavailable', code: 'QUORUM_NOT_REACHED' });
    expect(await read('k', 'one')).toBe('v');
    expect(await write('relaxed', 'x', { consistency: 'one' })).toMatchObject({ success: true });
    await eventually(async () => {
      const { nodes } = await client.listStorageNodes({});
      return nodes.find(({ nodeId }) => nodeId === 'n2')?.healthReason.includes('ECONNREFUSED');
    });
    expect(await readyz()).toBe('503 not ready: no range has a majority of its replicas up\n');
    await Promise.all(['n2', 'n3'].map((nodeId) => cluster.startNode(nodeId)));
    await eventually(async () => (await readyz()) === '200 ready\n');
    await eventually(() => write('k', 'again', { consistency: 'all' }));
    expect(await read('k', 'all')).toBe('again');
  });

  it('keeps tenants, nodes, values and idempotency keys over a restart of everything', async () => {
    const first = await write('k', 'v', { idempotencyKey: 'once' });
    const sealed = await write('s', 'v');
    for (const { process } of [cluster.coordinator('c1'), ...cluster.nodes.values()]) {
      process.kill('SIGTERM');
      expect(await process.exited).toEqual({ code: 0, signal: null });
    }
    await Promise.all(['n1', 'n2', 'n3'].map((nodeId) => cluster.startNode(nodeId)));
    ({ client } = await cluster.startCoordinator('c1'));
    await eventually(() => read('k', 'all'));
    expect(await read('k')).toBe('v');
    expect(await write('k', 'v', { idempotencyKey: 'once' })).toEqual({ ...first, isDuplicate: true });
    expect(await write('s', 'v', { idempotencyKey: sealed.idempotencyKey })).toMatchObject({ isDuplicate: true });
    expect(await client.getTenant({ tenantId: 't' })).toMatchObject({ replicationFactor: 3 });
    expect((await write('k', 'w')).vectorClock?.entries[0]?.coordinatorNodeId).toBe('c1@2');
  });

  it('loses no write that was acknowledged at quorum when a storage node is killed again and again', async () => {
    const acknowledged = new Map<string, number>();
    let writing = true;
    const writer = async (key: string) => {
      for (let i = 1; writing; i++) {
        await write(key, String(i)).then(
          () => acknowledged.set(key, i),
          () => {},
        );
      }
    };
    const keys = Array.from({ length: 8 }, (_, i) => `key-${i}`);
    const writers = keys.map(writer);
    for (const nodeId of ['n1', 'n2', 'n1', 'n3']) {
      const before = new Map(acknowledged);
      cluster.node(nodeId).process.kill('SIGKILL');
      await cluster.node(nodeId).process.exited;
      await eventually(() => keys.every((key) => (acknowledged.get(key) ?? 0) > (before.get(key) ?? 0)));
      await cluster.startNode(nodeId);
      await eventually(() => read('key-0', 'all'));
    }
    writing = false;
    await Promise.all(writers);
    for (const key of keys) {
      const last = acknowledged.get(key) ?? 0;
      expect(last).toBeGreaterThan(0);
      // The write after it may have been refused and yet have reached somebody.
      expect(Number(await read(key))).toBeGreaterThanOrEqual(last);
    }
  });

  it('lets a node move to another port with its data, and tells a node with another folder not to vote', async () => {
    await write('k', 'v', { consistency: 'all' });
    cluster.node('n1').process.kill('SIGTERM');
    await cluster.node('n1').process.exited;
    const { host, port } = await cluster.startNode('n1', 0);
    expect(await client.addStorageNode({ nodeId: 'n1', host, port })).toMatchObject({ success: true });
    await eventually(() => read('k', 'all'));
    cluster.node('n2').process.kill('SIGKILL');
    await cluster.node('n2').process.exited;
    const { rm } = await import('node:fs/promises');
    await rm(`${cluster.folder}/n2`, { recursive: true });
    await cluster.startNode('n2');
    await eventually(async () => {
      const { nodes } = await client.listStorageNodes({});
      return nodes.find(({ nodeId }) => nodeId === 'n2')?.healthReason.includes('does not vote');
    });
    expect(await read('k')).toBe('v');
    expect(await failureOfCall(read('k', 'all'))).toMatchObject({ code: 'QUORUM_NOT_REACHED' });
  });
});
