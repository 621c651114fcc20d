import { afterEach, describe, expect, it } from 'vitest';
import { AddressUnavailableError } from '../../src/ports/address-unavailable.js';
import { OnePort } from '../../src/server/one-port.js';
import { DEFAULT_PORT_LIMITS, type PortLimits } from '../../src/server/port-limits.js';
import { eventually } from '../support/eventually.js';
import { http1Call, http2Call } from '../support/http-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';
import { PING, PING_ACKNOWLEDGED, PREFACE, SETTINGS } from './http2-frames.js';

let served: ServedCoordinator;

async function serve(limits: Partial<PortLimits> = {}): Promise<ServedCoordinator> {
  served = await serveCoordinator({}, limits);
  return served;
}

afterEach(() => served?.stop());

async function expectServing(): Promise<void> {
  expect((await http1Call(`${served.baseUrl}/healthz`)).status).toBe(200);
  expect((await http2Call(`${served.baseUrl}/healthz`)).status).toBe(200);
}

describe('a request that arrives byte by byte', () => {
  it('is answered when it is HTTP/1.1 and begins like the preface of HTTP/2', async () => {
    using client = await RawConnection.open(await serve());
    const body = '{"tenantId":"acme"}';
    const lines = [
      'POST /coordinator.v1.CoordinatorService/GetTenant HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ];
    await client.sendByteByByte(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`));
    await eventually(() => client.received.toString().includes('"success":true'));
    expect(client.received.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(served.services.calls).toEqual([{ method: 'getTenant', asked: ['acme'] }]);
  });

  it('is answered when it is HTTP/2', async () => {
    using client = await RawConnection.open(await serve());
    await client.sendByteByByte(Buffer.concat([PREFACE, SETTINGS, PING]));
    await eventually(() => client.received.includes(PING_ACKNOWLEDGED));
  });

  it('is answered when the telling bytes come together with those after them', async () => {
    using client = await RawConnection.open(await serve());
    await client.sendByteByByte(PREFACE.subarray(0, 5));
    client.socket.write(Buffer.concat([PREFACE.subarray(5), SETTINGS, PING]));
    await eventually(() => client.received.includes(PING_ACKNOWLEDGED));
  });
});

describe('a connection that tells no protocol', () => {
  it.each(['', 'P', 'PRI * HTTP/'])('is closed after the limit when it sent only %j', async (sent) => {
    using client = await RawConnection.open(await serve({ silenceMs: 50 }));
    client.socket.write(sent);
    await eventually(() => client.isClosed);
    expect(client.received.length).toBe(0);
    await expectServing();
  });

  it('is left alone within the limit, and by it once it told its protocol', async () => {
    const silent = await serve({ silenceMs: 50 });
    using witness = await RawConnection.open(silent);
    using http2 = await RawConnection.open(silent);
    http2.socket.write(Buffer.concat([PREFACE, SETTINGS]));
    await eventually(() => http2.received.length > 0 && witness.isClosed);
    http2.socket.write(PING);
    await eventually(() => http2.received.includes(PING_ACKNOWLEDGED));
  });
});

describe('no harm is done', () => {
  it('by a TLS hello: the connection is closed', async () => {
    using client = await RawConnection.open(await serve());
    client.socket.write(Buffer.from('16030100', 'hex'));
    await eventually(() => client.isClosed);
    expect(client.received.length).toBe(0);
    await expectServing();
  });

  it.each([
    '',
    'P',
    'PRI * HTTP/2.0',
    'GET / HTTP/1.1\r\nHost',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n',
  ])('by a client that hangs up or resets after %j', async (sent) => {
    await serve();
    for (const hangUp of ['destroy', 'resetAndDestroy', 'end'] as const) {
      using client = await RawConnection.open(served);
      if (sent !== '') await client.sendByteByByte(Buffer.from(sent).subarray(0, 60));
      client.socket[hangUp]();
      await eventually(() => client.isClosed);
    }
    await expectServing();
  });

  it('by bytes that are no protocol, or break one: their connection ends', async () => {
    await serve();
    for (const sent of ['\0\0\0\0\r\n\r\n', 'hello there\r\n\r\n', `${PREFACE}not a frame at all, is it`]) {
      using client = await RawConnection.open(served);
      client.socket.write(sent);
      await eventually(() => client.isClosed);
    }
    await expectServing();
  });
});

describe('limits', () => {
  it('close a connection beyond the number that may be open', async () => {
    await serve({ connectionsMax: 1 });
    using first = await RawConnection.open(served);
    first.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => first.received.length > 0);
    using second = await RawConnection.open(served);
    await eventually(() => second.isClosed);
    expect(first.isClosed).toBe(false);
    first.socket.destroy();
    await eventually(async () => (await http1Call(`${served.baseUrl}/healthz`)).status === 200);
  });

  it.each([
    ['headers', 'GET /healthz HTTP/1.1\r\nHost:'],
    [
      'body',
      'POST /coordinator.v1.CoordinatorService/GetTenant HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    ],
  ])('close a connection whose %s never end', async (_what, sent) => {
    using client = await RawConnection.open(await serve({ requestReadMs: 50 }));
    client.socket.write(sent);
    await eventually(() => client.isClosed);
    expect(served.services.calls).toEqual([]);
    await expectServing();
  });

  it('refuse headers that are too long', async () => {
    await serve({ headerBytesMax: 1024 });
    const headers = { long: 'x'.repeat(2048) };
    expect((await http1Call(`${served.baseUrl}/healthz`, { headers })).status).toBe(431);
    await expectServing();
  });
});

it('says which address it cannot have', async () => {
  const { host, port } = await serve();
  const second = new OnePort({ request: () => {}, stream: () => {} }, DEFAULT_PORT_LIMITS);
  await expect(second.listen(host, port)).rejects.toThrow(AddressUnavailableError);
  await expect(second.listen(host, port)).rejects.toThrow(`${host}:${port} is in use`);
});
