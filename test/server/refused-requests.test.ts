import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { http2Call } from '../support/http-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const BODY = '{"tenantId":"acme"}';
const PATH = '/coordinator.v1.CoordinatorService/GetTenant';
const HEAD = `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
const REQUEST = `${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`;

let served: ServedCoordinator;
let client: RawConnection;
const serve = async (...given: Parameters<typeof serveCoordinator>) => {
  served = await serveCoordinator(...given);
  client = await RawConnection.open(served);
};
afterEach(async () => {
  client?.socket.destroy();
  await served?.stop();
});
const statuses = () =>
  [...client.received.toString().matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));

describe('bytes behind a request of HTTP/1.1 that are no request', () => {
  it('are refused after the answers that are owed, however long these take', async () => {
    await serve();
    const gate = new Gate();
    served.services.before = () => gate.opened;
    client.socket.write(`${REQUEST}${REQUEST}garbage\0\0\r\n\r\n`);
    await eventually(() => served.services.calls.length > 0);
    await delay(50);
    expect(statuses()).toEqual([]);
    gate.open();
    await eventually(() => client.isClosed);
    expect(statuses()).toEqual([200, 200, 400]);
  });

  it('are refused once, whatever comes behind them', async () => {
    await serve();
    for (let i = 0; i < 5; i++) client.socket.write(`garbage\0${i}\r\n\r\n`);
    await eventually(() => client.isClosed);
    expect(statuses()).toEqual([400]);
  });
});

describe('a body that breaks', () => {
  it('is refused although its request waits for it', async () => {
    await serve();
    client.socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{"ten\r\nzz\r\n`);
    await eventually(() => client.isClosed);
    expect(statuses()).toEqual([400]);
    expect(served.services.calls).toEqual([]);
  });
});

describe('a client that goes on sending', () => {
  it('gets the answer to what it sent before', async () => {
    await serve();
    client.socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'a'.repeat(40_000)}`);
    for (let i = 0; i < 20; i++) {
      await delay(5);
      client.socket.write('a'.repeat(10_000));
    }
    await eventually(() => statuses().length > 0);
    expect(statuses()).toEqual([431]);
  });
});

describe('header fields that are too long over HTTP/2', () => {
  it('are refused, and the connection serves on', async () => {
    await serve({}, { headerBytesMax: 4096 });
    const call = (length: number) =>
      http2Call(`${served.baseUrl}${PATH}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', long: 'x'.repeat(length) },
        body: BODY,
      });
    expect((await call(4096)).status).toBe(431);
    expect(served.services.calls).toEqual([]);
    expect((await call(2000)).status).toBe(200);
  });
});

describe('a request target', () => {
  it.each([
    ['in absolute form is served as any other', `POST http://localhost${PATH} HTTP/1.1\r\nHost: localhost`, 200],
    [
      'in absolute form counts for more than the Host header',
      `POST http://localhost${PATH} HTTP/1.1\r\nHost: evil`,
      200,
    ],
    ['of another host is refused', `POST http://evil.example${PATH} HTTP/1.1\r\nHost: localhost`, 403],
    ['with two Host headers is refused', `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nhost: localhost`, 400],
    ['that looks absolute and is no URL is refused', `POST http://%00${PATH} HTTP/1.1\r\nHost: localhost`, 400],
  ])('%s', async (_what, start, status) => {
    await serve();
    client.socket.write(`${start}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`);
    await eventually(() => statuses().length > 0);
    expect(statuses()).toEqual([status]);
    expect(served.services.calls).toHaveLength(status === 200 ? 1 : 0);
  });

  it('of HTTP/0.9 is told that this is no longer spoken', async () => {
    await serve();
    client.socket.write('GET /healthz\r\n\r\n');
    await eventually(() => client.isClosed);
    expect(statuses()).toEqual([505]);
  });
});

describe('pipelined requests', () => {
  it('are served up to a number, and what is beyond it ends the connection', async () => {
    await serve();
    const gate = new Gate();
    served.services.before = () => gate.opened;
    client.socket.write(REQUEST.repeat(1000));
    await eventually(() => served.services.calls.length >= 32);
    gate.open();
    await eventually(() => client.isClosed);
    expect(statuses()).toEqual([...Array(32).fill(200), 429]);
    expect(served.services.calls).toHaveLength(32);
  });
});
