import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessCluster } from '../support/process-cluster.js';
import { killAll, ROOT, runQuorate } from '../support/quorate-process.js';

/** The tests build on each other, as a first quarter of an hour with the program does. */
describe('the commands that call a coordinator', () => {
  let cluster: ProcessCluster;
  let server: string;

  beforeAll(async () => {
    cluster = await ProcessCluster.make();
    await cluster.startNode('n1');
    const { client, url } = await cluster.startCoordinator('c1');
    await cluster.addNodes(client);
    server = url;
  });
  afterAll(async () => {
    await cluster.remove();
    await killAll();
  });

  const run = (...args: readonly string[]) => runQuorate(args, { env: { QUORATE_SERVER: server } });

  it('creates a tenant and shows it, for people and as JSON', async () => {
    expect(await run('tenant', 'create', 'shop', '--replication-factor', '1')).toMatchObject({
      code: 0,
      stdout: 'tenant shop has 1 replicas of each key\n',
      stderr: '',
    });
    expect((await run('tenant', 'get', 'shop')).stdout).toMatch(
      /^tenant shop has 1 replicas of each key, created \d{4}-/,
    );
    const { code, stdout } = await run('tenant', 'get', 'shop', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ tenantId: 'shop', replicationFactor: 1 });
  });

  it('writes a value, and the printed idempotency key makes the same write a duplicate and another one a conflict', async () => {
    const first = await run('kv', 'put', 'shop', 'apple', 'red');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const key = first.stdout.trim();
    expect(key).not.toBe('');
    expect((await run('kv', 'put', 'shop', 'apple', 'green')).code).toBe(0);
    expect(await run('kv', 'put', 'shop', 'apple', 'red', '--idempotency-key', key)).toMatchObject({ code: 0 });
    expect((await run('kv', 'get', 'shop', 'apple')).stdout).toBe('green');
    const conflict = await run('kv', 'put', 'shop', 'apple', 'blue', '--idempotency-key', key);
    expect(conflict).toMatchObject({ code: 1, stdout: '' });
    expect(conflict.stderr).toContain('IDEMPOTENCY_KEY_CONFLICT');
  });

  it('shows a write and a value as JSON', async () => {
    const written = JSON.parse((await run('kv', 'put', 'shop', 'pear', 'green', '--json')).stdout);
    expect(written).toMatchObject({ success: true, replicaCount: 1, isDuplicate: false });
    const read = JSON.parse((await run('kv', 'get', 'shop', 'pear', '--json')).stdout);
    expect(Buffer.from(read.value, 'base64').toString()).toBe('green');
    expect(read.vectorClock).toEqual(written.vectorClock);
  });

  it('waits until a coordinator is ready and a tenant exists, for so long', async () => {
    expect(await run('wait', '--tenant', 'shop')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const absent = await run('wait', '--tenant', 'nobody', '--timeout', '0.3');
    expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining('not ready within 0.3 s') });
    expect(absent.stderr).toContain('TENANT_NOT_FOUND');
    const nowhere = await run('wait', '--server', 'http://127.0.0.1:1', '--timeout', '0');
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining('not ready within 0 s') });
    expect((await run('wait', '--timeout', 'soon')).code).toBe(2);
  });

  it('passes a value on byte for byte, from standard input to standard output', async () => {
    const quorate = `"${process.execPath}" bin/quorate kv`;
    const script = `printf '\\000\\377\\n\\n' | ${quorate} put shop bytes - > /dev/null && ${quorate} get shop bytes`;
    const env = { PATH: process.env.PATH, QUORATE_SERVER: server };
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: ROOT, env, encoding: 'buffer' });
    expect([...stdout]).toEqual([0, 255, 10, 10]);
  });

  it('lists the storage nodes, as a table and as JSON', async () => {
    const table = (await run('node', 'list')).stdout.split('\n');
    expect(table[0]).toMatch(/^NODE +ADDRESS +STATUS +HEALTH /);
    expect(table[1]).toContain(`n1    127.0.0.1:${cluster.node('n1').port}`);
    expect(JSON.parse((await run('node', 'list', '--json')).stdout).nodes).toMatchObject([
      { nodeId: 'n1', port: cluster.node('n1').port, status: 'active' },
    ]);
  });

  it.each([
    [['kv', 'get', 'shop', 'nothing'], 'KEY_NOT_FOUND'],
    [['kv', 'get', 'nobody', 'apple'], 'TENANT_NOT_FOUND'],
    [['kv', 'put', 'shop', 'apple', 'red', '--consistency', 'most'], 'INVALID_REQUEST'],
    [['tenant', 'get', 'nobody'], 'TENANT_NOT_FOUND'],
    [['tenant', 'create', 'shop', '--replication-factor', '1'], 'TENANT_EXISTS'],
    [['tenant', 'create', 'large', '--replication-factor', '2'], 'INVALID_REPLICATION_FACTOR'],
  ])('says in one line, with exit code 1, why %j fails', async (args, errorCode) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(new RegExp(`^quorate: ${errorCode}: .*\\n$`));
  });
});
