import { once } from 'node:events';
import { Agent } from 'node:http';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ClientTransports, TRANSPORT_NAMES, type TransportName } from '../support/client-transports.js';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { http1Call } from '../support/http-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

/** Longer than any test may take: a drain that ends within a test did not wait for its deadline. */
const NEVER_MS = 24 * 3_600_000;
/** Node.js closes idle connections by itself after 5 s; drain does so before. */
const SOONER_THAN_KEEP_ALIVE_MS = 4000;

let served: ServedCoordinator;
let transports: ClientTransports;
let gate: Gate;

beforeEach(async () => {
  served = await serveCoordinator();
  transports = new ClientTransports(served.baseUrl);
  gate = new Gate();
});
afterEach(async () => {
  gate.open();
  transports.close();
  await served.stop();
});

/** A call that the service has begun and doesn't answer until the gate opens. */
async function runningCall(name: TransportName): Promise<{ readonly outcome: Promise<string> }> {
  served.services.before = () => gate.opened;
  const { getTenant } = CoordinatorService.method;
  const message = create(getTenant.input, { tenantId: 'acme' });
  const call = transports.get(name).unary(getTenant, undefined, undefined, undefined, message);
  const outcome = call.then(
    () => 'answered',
    () => 'cut',
  );
  await eventually(() => served.services.calls.length === 1);
  return { outcome };
}

/** Begins to drain; tells whether that has ended. */
function startDrain(withinMs: number): { readonly done: Promise<void>; readonly hasEnded: () => boolean } {
  let ended = false;
  const done = served.onePort.drain(withinMs).then(() => {
    ended = true;
  });
  return { done, hasEnded: () => ended };
}

async function openSession(): Promise<ClientHttp2Session> {
  const session = connect(served.baseUrl);
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  return session;
}

describe.each(TRANSPORT_NAMES)('a call that runs when drain begins, over %s', (name) => {
  it('is answered, and drain waits for it', async () => {
    const { outcome } = await runningCall(name);
    const drain = startDrain(NEVER_MS);
    await expect(RawConnection.open(served)).rejects.toThrow('ECONNREFUSED');
    expect(drain.hasEnded()).toBe(false);
    gate.open();
    expect(await outcome).toBe('answered');
    await eventually(drain.hasEnded, SOONER_THAN_KEEP_ALIVE_MS);
  });

  it('is cut at the deadline when it hangs', async () => {
    const { outcome } = await runningCall(name);
    await startDrain(50).done;
    expect(await outcome).toBe('cut');
  });
});

describe('what is idle when drain begins', () => {
  it('ends at once when it is a kept-alive connection', async () => {
    const agent = new Agent({ keepAlive: true });
    expect((await http1Call(`${served.baseUrl}/healthz`, { agent })).status).toBe(200);
    await eventually(() => Object.keys(agent.freeSockets).length === 1);
    const drain = startDrain(NEVER_MS);
    await eventually(drain.hasEnded, SOONER_THAN_KEEP_ALIVE_MS);
    await eventually(() => Object.keys(agent.freeSockets).length === 0);
  });

  it('ends at once when it is an HTTP/2 session, which is told so', async () => {
    const session = await openSession();
    const toldToGo = once(session, 'goaway');
    await startDrain(NEVER_MS).done;
    const [errorCode] = await toldToGo;
    expect(errorCode).toBe(constants.NGHTTP2_NO_ERROR);
    await eventually(() => session.closed);
  });

  it('ends at once when it is a connection that has said nothing yet', async () => {
    using silent = await RawConnection.open(served);
    using hesitant = await RawConnection.open(served);
    hesitant.socket.write('PRI');
    // Both have been accepted when a later connection is answered.
    expect((await http1Call(`${served.baseUrl}/healthz`)).status).toBe(200);
    const drain = startDrain(NEVER_MS);
    await eventually(drain.hasEnded, SOONER_THAN_KEEP_ALIVE_MS);
    await eventually(() => silent.isClosed && hesitant.isClosed);
  });
});

it('takes no new calls on an HTTP/2 session whose last call still runs', async () => {
  served.services.before = () => gate.opened;
  const session = await openSession();
  const path = '/coordinator.v1.CoordinatorService/GetTenant';
  const running = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
  running.end('{}');
  await eventually(() => served.services.calls.length === 1);
  const toldToGo = once(session, 'goaway');
  const drain = startDrain(NEVER_MS);
  await toldToGo;
  const refused = await new Promise((resolve) => {
    // Node.js 20 and 22 throw, later ones end the stream.
    try {
      session
        .request({ ':path': '/healthz' })
        .on('error', resolve)
        .on('response', () => resolve(undefined));
    } catch (error) {
      resolve(error);
    }
  });
  expect(refused).toBeInstanceOf(Error);
  const answered = once(running, 'response');
  gate.open();
  const [headers] = await answered;
  expect(headers[':status']).toBe(200);
  running.resume();
  await drain.done;
});

it('ends at once when nothing is connected', async () => {
  await startDrain(NEVER_MS).done;
  await expect(RawConnection.open(served)).rejects.toThrow('ECONNREFUSED');
});
