import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../src/gen/grpc/health/v1/health_pb.js';
import { eventually } from '../support/eventually.js';
import { type CoordinatorClient, ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';

describe('a coordinator that is told to stop', () => {
  let cluster: ProcessCluster;
  let client: CoordinatorClient;

  beforeEach(async () => {
    cluster = await ProcessCluster.make();
    client = await cluster.startThree(['--drain-delay-ms', '4000']);
    await client.createTenant({ tenantId: 't' });
  });
  afterEach(async () => {
    await cluster.remove();
    await killAll();
  });

  const readyz = async () => (await fetch(`${cluster.coordinator('c1').url}/readyz`)).status;

  it('says so to load balancers and watchers first, serves on for a while, and ends with nothing lost', async () => {
    const { url, process } = cluster.coordinator('c1');
    const seen: Status[] = [];
    const watch = async () => {
      const health = createClient(Health, createGrpcTransport({ baseUrl: url }));
      for await (const { status } of health.watch({})) seen.push(status);
    };
    const watching = watch().catch(() => {});
    await eventually(() => seen.length === 1);
    process.kill('SIGTERM');
    await eventually(async () => (await readyz()) === 503);
    expect((await client.writeKeyValue({ tenantId: 't', key: 'k', value: Buffer.from('v') })).success).toBe(true);
    await watching;
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
    expect(await process.exited).toEqual({ code: 0, signal: null });
  });

  it('ends at once when it is told so again', async () => {
    const { process } = cluster.coordinator('c1');
    process.kill('SIGTERM');
    await eventually(async () => (await readyz()) === 503);
    // A second signal within a second counts as npm's echo of the first one.
    await delay(1200);
    process.kill('SIGTERM');
    const { code } = await process.exited;
    expect(code).not.toBe(0);
    expect(process.stderr()).not.toContain('the coordinator has stopped');
  });
});
