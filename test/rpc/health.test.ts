import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../src/gen/grpc/health/v1/health_pb.js';
import { eventually } from '../support/eventually.js';
import { postJson } from '../support/http-call.js';
import { ALIASES, type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const NAMES = ['', CoordinatorService.typeName, ...ALIASES.map(({ serviceName }) => serviceName)];
const NOT_READY = { ready: false, reason: 'the clock is off' } as const;

describe.each([
  ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ['gRPC-Web', (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
])('grpc.health.v1 over %s', (_name, transportTo) => {
  let served: ServedCoordinator;
  let client: ReturnType<typeof createClient<typeof Health>>;

  beforeEach(async () => {
    served = await serveCoordinator();
    client = createClient(Health, transportTo(served.baseUrl));
  });
  afterEach(() => served.stop());

  /** What was seen until the stream ended, and how it ended. */
  const watch = (service: string) => {
    const seen: Status[] = [];
    const stop = new AbortController();
    const read = async () => {
      for await (const { status } of client.watch({ service }, { signal: stop.signal })) seen.push(status);
    };
    const ended = read().catch((error: unknown) => ConnectError.from(error).code);
    return { seen, ended, stop: () => stop.abort() };
  };
  const timePasses = () => served.clock.advance(1000);

  it.each(NAMES)('tells the state of %j', async (service) => {
    expect((await client.check({ service })).status).toBe(Status.SERVING);
    served.readiness = NOT_READY;
    expect((await client.check({ service })).status).toBe(Status.NOT_SERVING);
  });

  it('does not know other services', async () => {
    const error = await client.check({ service: 'nobody' }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: 'unknown service "nobody"' });
  });

  it('lists all of them', async () => {
    served.readiness = NOT_READY;
    const { statuses } = await client.list({});
    for (const name of NAMES) expect(statuses[name]).toMatchObject({ status: Status.NOT_SERVING });
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(['grpc.health.v1.Health']));
  });

  it('shows the state at once and each change of it, and nothing in between', async () => {
    const { seen, ended, stop } = watch('');
    await eventually(() => seen.length === 1);
    await timePasses();
    served.readiness = NOT_READY;
    await eventually(() => timePasses().then(() => seen.length === 2));
    served.readiness = { ready: true };
    await eventually(() => timePasses().then(() => seen.length === 3));
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
    stop();
    expect(await ended).toBe(Code.Canceled);
  });

  it('watches an unknown service, too, as it might come', async () => {
    const { seen, stop } = watch('nobody');
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([Status.SERVICE_UNKNOWN]);
    stop();
  });

  it('ends its streams when the server leaves, so that a drain need not wait for them', async () => {
    const { seen, ended } = watch('');
    await eventually(() => seen.length === 1);
    served.readiness = { ready: false, reason: 'it is shutting down' };
    served.leave();
    await eventually(() => timePasses().then(() => seen.length === 2));
    expect(await ended).toBe(Code.Unavailable);
    await served.onePort.drain(60_000);
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
  });

  it('forgets a watcher that went away', async () => {
    const { seen, ended, stop } = watch('');
    await eventually(() => seen.length === 1);
    stop();
    await ended;
    await eventually(() => served.clock.pending === 0);
  });
});

it('answers JSON as well', async () => {
  const served = await serveCoordinator();
  const answer = await postJson(`${served.baseUrl}/grpc.health.v1.Health/Check`, {});
  expect(JSON.parse(answer.text)).toEqual({ status: 'SERVING' });
  await served.stop();
});
