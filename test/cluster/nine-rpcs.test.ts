import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { failureOfCall } from '../support/failing-call.js';
import { type CoordinatorClient, ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';

/** The tests build on each other, as the life of a cluster does. */
describe('the nine RPCs on a real cluster', () => {
  let cluster: ProcessCluster;
  let client: CoordinatorClient;
  const additions = new Map<string, string>();

  beforeAll(async () => {
    cluster = await ProcessCluster.make();
    await Promise.all(['n1', 'n2', 'n3', 'n4'].map((nodeId) => cluster.startNode(nodeId)));
    ({ client } = await cluster.startCoordinator('c1'));
  });
  afterAll(async () => {
    await cluster.remove();
    await killAll();
  });

  const add = (nodeId: string, more: object = {}) => {
    const { host, port } = cluster.node(nodeId);
    return client.addStorageNode({ nodeId, host, port, ...more });
  };
  const write = (key: string, text: string, more: object = {}) =>
    client.writeKeyValue({ tenantId: 'shop', key, value: Buffer.from(text), ...more });
  const read = async (key: string, consistency = '') =>
    Buffer.from((await client.readKeyValue({ tenantId: 'shop', key, consistency })).value).toString();

  it('CreateTenant before the nodes is refused, and says what to do', async () => {
    const failure = await failureOfCall(client.createTenant({ tenantId: 'shop' }));
    expect(failure).toMatchObject({ status: 'InvalidArgument', code: 'INVALID_REPLICATION_FACTOR' });
    expect(failure.message).toContain('add nodes with AddStorageNode first');
  });

  it('AddStorageNode makes members at once, and is success again with the same migration', async () => {
    for (const nodeId of ['n1', 'n2', 'n3', 'n4']) {
      const { success, migrationId } = await add(nodeId);
      expect(success).toBe(true);
      additions.set(nodeId, migrationId);
    }
    expect((await add('n1')).migrationId).toBe(additions.get('n1'));
  });

  it('AddStorageNode is refused where nobody answers, or another node does', async () => {
    const [nobody, other] = [
      await failureOfCall(client.addStorageNode({ nodeId: 'n9', host: '127.0.0.1', port: 1 })),
      await failureOfCall(add('n1', { nodeId: 'n9' })),
    ];
    expect(nobody).toMatchObject({ status: 'FailedPrecondition', code: 'INVALID_REQUEST' });
    expect(nobody.message).toContain('ECONNREFUSED');
    expect(other).toMatchObject({ status: 'FailedPrecondition', code: 'INVALID_REQUEST' });
    expect(other.message).toContain('it is storage node "n1", not "n9"');
  });

  it('AddStorageNode of a member with other parameters is NODE_IN_USE', async () => {
    expect(await failureOfCall(add('n1', { virtualNodes: 7 }))).toMatchObject({
      status: 'FailedPrecondition',
      code: 'NODE_IN_USE',
    });
  });

  it('RemoveStorageNode takes a node out while no tenant exists, and is success again with the same migration', async () => {
    const { success, migrationId } = await client.removeStorageNode({ nodeId: 'n4' });
    expect(success).toBe(true);
    expect((await client.removeStorageNode({ nodeId: 'n4' })).migrationId).toBe(migrationId);
    const status = await client.getMigrationStatus({ migrationId });
    expect(status).toMatchObject({
      type: 'node_deletion',
      nodeId: 'n4',
      status: 'completed',
      progress: { percentage: 100 },
    });
  });

  it('GetMigrationStatus tells of every change, and not of others', async () => {
    const status = await client.getMigrationStatus({ migrationId: additions.get('n2') ?? '' });
    expect(status).toMatchObject({ success: true, type: 'node_addition', nodeId: 'n2', status: 'completed' });
    expect(Number(status.startedAt)).toBeGreaterThan(1_700_000_000);
    const unknown = await failureOfCall(client.getMigrationStatus({ migrationId: 'nothing' }));
    expect(unknown).toMatchObject({ status: 'NotFound', code: 'MIGRATION_NOT_FOUND' });
  });

  it('CreateTenant takes 0 for three replicas, once', async () => {
    const { replicationFactor, createdAt } = await client.createTenant({ tenantId: 'shop', replicationFactor: 0 });
    expect(replicationFactor).toBe(3);
    expect(await client.getTenant({ tenantId: 'shop' })).toMatchObject({
      success: true,
      replicationFactor: 3,
      createdAt,
    });
    expect(await failureOfCall(client.createTenant({ tenantId: 'shop' }))).toMatchObject({
      status: 'AlreadyExists',
      code: 'TENANT_EXISTS',
    });
    for (const replicationFactor of [-1, 4, 11]) {
      const failure = await failureOfCall(client.createTenant({ tenantId: 'other', replicationFactor }));
      expect(failure).toMatchObject({ status: 'InvalidArgument', code: 'INVALID_REPLICATION_FACTOR' });
    }
    expect(await failureOfCall(client.getTenant({ tenantId: 'other' }))).toMatchObject({
      status: 'NotFound',
      code: 'TENANT_NOT_FOUND',
    });
  });

  it('UpdateReplicationFactor to the present value is success without a migration, to another not there yet', async () => {
    const same = await client.updateReplicationFactor({ tenantId: 'shop', newReplicationFactor: 3 });
    expect(same).toMatchObject({ success: true, oldReplicationFactor: 3, newReplicationFactor: 3, migrationId: '' });
    for (const newReplicationFactor of [0, 2, 11]) {
      const failure = await failureOfCall(client.updateReplicationFactor({ tenantId: 'shop', newReplicationFactor }));
      expect(failure).toMatchObject({ status: 'InvalidArgument', code: 'INVALID_REPLICATION_FACTOR' });
    }
  });

  it('nodes neither come nor go once tenants exist', async () => {
    for (const call of [() => add('n4'), () => client.removeStorageNode({ nodeId: 'n1' })]) {
      expect(await failureOfCall(call())).toMatchObject({ status: 'FailedPrecondition', code: 'NODE_IN_USE' });
    }
    expect(await failureOfCall(client.removeStorageNode({ nodeId: 'n7' }))).toMatchObject({
      status: 'NotFound',
      code: 'INVALID_REQUEST',
    });
  });

  it.each(['one', 'quorum', 'all'])('a value written at %s is read back at it', async (consistency) => {
    const answer = await write(`at ${consistency}`, 'hello', { consistency });
    expect(answer).toMatchObject({ success: true, consistency, isDuplicate: false });
    expect(answer.replicaCount).toBeGreaterThanOrEqual(consistency === 'all' ? 3 : consistency === 'quorum' ? 2 : 1);
    expect(answer.vectorClock?.entries[0]?.coordinatorNodeId).toMatch(/^c1@\d+$/);
    expect(await read(`at ${consistency}`, consistency)).toBe('hello');
  });

  it('values may be empty or a MiB, keys may hold any character, and an absent key is KEY_NOT_FOUND', async () => {
    for (const [key, text] of [
      ['empty', ''],
      ['large', 'x'.repeat(1_048_576)],
      ['nul \0 é ключ', 'odd'],
    ] as const) {
      await write(key, text);
      expect(await read(key)).toBe(text);
    }
    expect(await failureOfCall(read('nobody'))).toMatchObject({ status: 'NotFound', code: 'KEY_NOT_FOUND' });
  });

  it.each([
    ['tenantId', { tenantId: 'no/such' }, 'tenant_id must be'],
    ['key', { key: '' }, 'key must not be empty'],
    ['value', { value: new Uint8Array(1_048_577) }, 'value must be at most 1048576 bytes'],
    ['consistency', { consistency: 'most' }, 'consistency must be'],
    ['idempotencyKey', { idempotencyKey: 'k'.repeat(257) }, 'idempotency_key must be at most 256 bytes'],
  ])('a bad %s is INVALID_REQUEST that names the field and the rule', async (_field, more, message) => {
    const failure = await failureOfCall(write('bad', 'v', more));
    expect(failure).toMatchObject({
      status: 'InvalidArgument',
      code: 'INVALID_REQUEST',
      message: expect.stringContaining(message),
    });
  });

  it("a client's idempotency key runs a write once, and another value under it is a conflict", async () => {
    const keyed = { idempotencyKey: 'order 1' };
    const first = await write('order', 'paid', keyed);
    await write('order', 'shipped');
    const again = await write('order', 'paid', { ...keyed, consistency: 'all' });
    expect(again).toEqual({ ...first, isDuplicate: true });
    expect(await read('order')).toBe('shipped');
    expect(await failureOfCall(write('order', 'other', keyed))).toMatchObject({
      status: 'AlreadyExists',
      code: 'IDEMPOTENCY_KEY_CONFLICT',
    });
  });

  it("the server's idempotency key is its own proof, for this write only", async () => {
    const { idempotencyKey, vectorClock } = await write('sealed', 'one');
    await write('sealed', 'two');
    expect(await write('sealed', 'one', { idempotencyKey })).toMatchObject({ isDuplicate: true, vectorClock });
    expect(await read('sealed')).toBe('two');
    expect(await failureOfCall(write('sealed', 'other', { idempotencyKey }))).toMatchObject({
      code: 'IDEMPOTENCY_KEY_CONFLICT',
    });
    for (const forged of [`${idempotencyKey}A`, 'quorate.sealed.nonsense']) {
      expect(await failureOfCall(write('sealed', 'one', { idempotencyKey: forged }))).toMatchObject({
        code: 'INVALID_REQUEST',
      });
    }
    expect(await failureOfCall(write('elsewhere', 'one', { idempotencyKey }))).toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });

  it('ListStorageNodes shows every member with its figures', async () => {
    const { nodes } = await client.listStorageNodes({});
    expect(nodes.map(({ nodeId }) => nodeId)).toEqual(['n1', 'n2', 'n3']);
    for (const node of nodes) {
      expect(node).toMatchObject({ status: 'active', health: 'up', virtualNodes: 150, keysCount: 8n });
      expect(node.diskUsagePercent).toBeGreaterThan(0);
      expect(node.diskUsagePercent).toBeLessThanOrEqual(100);
      expect(Number(node.lastSeenAt)).toBeGreaterThan(1_700_000_000);
    }
  });

  it('gRPC and plain JSON answer the same', async () => {
    const { url } = cluster.coordinator('c1');
    const grpc = createClient(CoordinatorService, createGrpcTransport({ baseUrl: url }));
    const answer = await grpc.readKeyValue({ tenantId: 'shop', key: 'order' });
    expect(Buffer.from(answer.value).toString()).toBe('shipped');
    expect(await failureOfCall(grpc.getTenant({ tenantId: 'nobody' }))).toMatchObject({
      status: 'NotFound',
      code: 'TENANT_NOT_FOUND',
    });
    const response = await fetch(`${url}/coordinator.v1.CoordinatorService/ReadKeyValue`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tenantId: 'shop', key: 'order' }),
    });
    expect(await response.json()).toMatchObject({
      success: true,
      key: 'order',
      value: Buffer.from('shipped').toString('base64'),
    });
  });
});
