import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type CoordinatorClient, ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';

const MIB = 1024 ** 2;
const FLOOR = ['--free-bytes-min', String(8 * MIB)];
const VALUE_BYTES = 200_000;
/** More than fit on the disk. */
const WRITES_MAX = 200;
const mayMount = await tryToMount();

/** The real engine on a small disk of its own. */
describe.skipIf(!mayMount)('a storage node on a full disk (skipped where nobody may mount one)', () => {
  let cluster: ProcessCluster;
  let client: CoordinatorClient;
  let disk: string;

  beforeEach(async () => {
    cluster = await ProcessCluster.make();
    disk = join(cluster.folder, 'n1');
    mkdirSync(disk);
    mount(disk);
  });
  afterEach(async () => {
    for (const { process } of cluster.nodes.values()) process.kill('SIGKILL');
    await Promise.all([...cluster.nodes.values()].map(({ process }) => process.exited));
    execFileSync('umount', [disk]);
    await cluster.remove();
    await killAll();
  });

  const start = async (...others: readonly string[]) => {
    await cluster.startNode('n1', 0, FLOOR);
    for (const nodeId of others) await cluster.startNode(nodeId);
    client = (await cluster.startCoordinator('c1')).client;
    await cluster.addNodes(client);
    await client.createTenant({ tenantId: 't', replicationFactor: 1 + others.length });
  };
  const write = (key: string, i: number) =>
    client.writeKeyValue({ tenantId: 't', key, value: valueAt(i), consistency: 'all' });
  const failureOf = (key: string, i: number) =>
    write(key, i).then(
      () => undefined,
      (error: unknown) => ConnectError.from(error).message,
    );
  const read = async (key: string) =>
    Buffer.from((await client.readKeyValue({ tenantId: 't', key, consistency: 'all' })).value);
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(disk);
    return bavail * bsize;
  };
  /** Writes until one is refused, and gives back how many were taken and what the last one was told. */
  const fill = async () => {
    for (let i = 0; i < WRITES_MAX; i++) {
      const failure = await failureOf(`k${i}`, i);
      if (failure !== undefined) return { taken: i, failure };
    }
    throw new Error('the disk took everything');
  };
  const expectAll = async (taken: number) => {
    for (let i = 0; i < taken; i++) expect(Buffer.compare(await read(`k${i}`), valueAt(i)), `k${i}`).toBe(0);
  };

  it('refuses writes at its floor for certain, serves reads, and takes writes again once there is room', async () => {
    await start();
    const { taken, failure } = await fill();
    expect(taken).toBeGreaterThan(20);
    expect(failure).toContain('n1: disk full, not taken');
    expect(failure).not.toContain('may or may not');
    expect(freeBytes()).toBeGreaterThan(4 * MIB);
    await expect(read(`k${taken}`)).rejects.toThrow('KEY_NOT_FOUND');
    expect(await failureOf('k0', 99)).toContain('disk full, not taken');
    await expectAll(taken);
    execFileSync('mount', ['-o', 'remount,size=64m', disk]);
    await eventually(async () => (await failureOf('k0', 1000)) === undefined, 15_000);
    expect(Buffer.compare(await read('k0'), valueAt(1000))).toBe(0);
    // It is the same process all the time.
    cluster.node('n1').process.kill('SIGTERM');
    expect(await cluster.node('n1').process.exited).toEqual({ code: 0, signal: null });
  });

  it('takes a newer epoch while it takes no writes, and others take what it refuses', async () => {
    await start('n2', 'n3');
    const { taken } = await fill();
    const { process } = cluster.node('n2');
    process.kill('SIGTERM');
    await process.exited;
    const { host, port } = await cluster.startNode('n2', 0);
    await eventually(() => client.addStorageNode({ nodeId: 'n2', host, port }), 15_000);
    await eventually(() => expectAll(taken).then(() => true), 15_000);
    await client.writeKeyValue({ tenantId: 't', key: 'quorum', value: valueAt(7), consistency: 'quorum' });
    const { value } = await client.readKeyValue({ tenantId: 't', key: 'quorum', consistency: 'quorum' });
    expect(Buffer.compare(value, valueAt(7))).toBe(0);
  });

  it('starts on a disk that others left no byte of, and serves reads until there is room', async () => {
    await start();
    for (let i = 0; i < 10; i++) await write(`k${i}`, i);
    cluster.node('n1').process.kill('SIGKILL');
    await cluster.node('n1').process.exited;
    spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'of-others')}`, 'bs=4096'], { stdio: 'ignore' });
    expect(freeBytes()).toBe(0);
    await cluster.startNode('n1', undefined, FLOOR);
    await eventually(() => expectAll(10).then(() => true), 15_000);
    expect(await failureOf('k0', 99)).toContain('disk full, not taken');
    await expectAll(10);
    rmSync(join(disk, 'of-others'));
    await eventually(async () => (await failureOf('k0', 99)) === undefined, 15_000);
  });
});

function valueAt(i: number): Buffer {
  return Buffer.alloc(VALUE_BYTES, `value ${i}`);
}

function mount(folder: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' }).status === 0;
}

async function tryToMount(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-mount-'));
  const mounted = mount(folder);
  if (mounted) execFileSync('umount', [folder]);
  await rmdir(folder);
  return mounted;
}
