import { afterEach, describe, expect, it } from 'vitest';
import { Admission } from '../../src/server/admission.js';
import { eventually } from '../support/eventually.js';
import { http1Call, http2Call } from '../support/http-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const OWN = 'http://127.0.0.1:7400';
const PATH = '/coordinator.v1.CoordinatorService/GetTenant';
const admission = (listenHost: string, origins: string[] = [], hosts: string[] = []) =>
  new Admission({ listenHost, origins, hosts });

describe('host names', () => {
  it.each([
    ['127.0.0.1', ['localhost', 'LOCALHOST:7400', 'localhost.', '127.0.0.1:1', '[::1]:7400', '[::1]', undefined]],
    ['::1', ['localhost:7400', '[::1]:7400', '127.0.0.1']],
    ['127.0.0.2', ['127.0.0.2:7400', 'localhost']],
    ['localhost', ['localhost:7400', '127.0.0.1:7400']],
  ])('of loopback and of the listen address %s are let in there', (listenHost, names) => {
    expect(names.filter((name) => !admission(listenHost).allowsHost(name))).toEqual([]);
  });

  it('of others are not, while the listen address is on loopback', () => {
    const names = [
      'evil.example',
      'evil.example:7400',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '10.0.0.1',
      '',
    ];
    for (const listenHost of ['127.0.0.1', '::1', 'localhost', '127.8.0.1']) {
      expect(names.filter((name) => admission(listenHost).allowsHost(name))).toEqual([]);
    }
  });

  it('that are configured are let in, too; * lets all in', () => {
    expect(admission('127.0.0.1', [], ['store.example']).allowsHost('Store.Example:7400')).toBe(true);
    expect(admission('127.0.0.1', [], ['store.example']).allowsHost('other.example')).toBe(false);
    expect(admission('127.0.0.1', [], ['*']).allowsHost('other.example')).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'store.example'])(
    'all count on %s, where nobody is on loopback',
    (listenHost) => {
      expect(admission(listenHost).allowsHost('any.example:7400')).toBe(true);
    },
  );
});

describe('beyond loopback', () => {
  it('host names are checked when some are configured', () => {
    const checked = admission('0.0.0.0', [], ['store.example']);
    expect(checked.allowsHost('store.example:7400')).toBe(true);
    expect(checked.allowsHost('localhost')).toBe(true);
    expect(checked.allowsHost('evil.example')).toBe(false);
  });

  it('the own origin is allowed only where host names are checked', () => {
    const own = 'http://evil.example:7400';
    expect(admission('0.0.0.0').allowsOrigin(own, own)).toBe(false);
    expect(admission('0.0.0.0', [own]).allowsOrigin(own, own)).toBe(true);
    expect(admission('0.0.0.0', [], ['evil.example']).allowsOrigin(own, own)).toBe(true);
  });
});

describe('origins of web pages', () => {
  it.each([
    ['http://localhost:3000', true],
    ['https://localhost', true],
    ['http://127.0.0.1:1', true],
    ['http://[::1]:5173', true],
    [OWN, true],
    ['http://evil.example', false],
    ['http://localhost.evil.example', false],
    ['http://127.0.0.1.evil.example', false],
    ['http://127.0.0.2:80', false],
    ['null', false],
    ['', false],
  ])('%j while the listen address is on loopback: %s', (origin, allowed) => {
    expect(admission('127.0.0.1').allowsOrigin(origin, OWN)).toBe(allowed);
  });

  it('count on other addresses only when they are configured', () => {
    const rules = admission('0.0.0.0', ['https://app.example']);
    const own = 'http://store.example:7400';
    expect(rules.allowsOrigin('https://app.example', own)).toBe(true);
    expect(rules.allowsOrigin(own, own)).toBe(false);
    for (const origin of ['http://app.example', 'https://app.example:8443', 'http://localhost:3000', 'null']) {
      expect(rules.allowsOrigin(origin, own)).toBe(false);
    }
    expect(admission('0.0.0.0', ['*']).allowsOrigin('https://any.example', own)).toBe(true);
  });
});

describe.each([
  ['HTTP/1.1', http1Call, 'host'],
  ['HTTP/2', http2Call, ':authority'],
] as const)('over %s', (_version, call, hostHeader) => {
  let served: ServedCoordinator;
  const serve = async (...origins: string[]) => {
    served = await serveCoordinator({}, {}, undefined, { origins });
  };
  afterEach(() => served.stop());

  const preflight = (origin: string, more = {}) =>
    call(`${served.baseUrl}${PATH}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
        ...more,
      },
    });
  const post = (headers: Record<string, string>) =>
    call(`${served.baseUrl}${PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"tenantId":"acme"}',
    });

  it('lets a page on this machine ask before it calls, and read what it gets', async () => {
    await serve();
    const origin = 'http://localhost:3000';
    const asked = await preflight(origin);
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'origin' });
    expect(asked.headers['access-control-allow-methods']).toBe('POST, GET');
    const allowed = String(asked.headers['access-control-allow-headers']).toLowerCase().split(', ');
    expect(allowed).toEqual(
      expect.arrayContaining([
        'content-type',
        'connect-protocol-version',
        'x-grpc-web',
        'grpc-timeout',
        'coordinator-errors',
      ]),
    );
    const answer = await post({ origin });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    const exposed = String(answer.headers['access-control-expose-headers']).toLowerCase().split(', ');
    expect(exposed).toEqual(
      expect.arrayContaining(['grpc-status', 'grpc-message', 'grpc-status-details-bin', 'coordinator-error-code']),
    );
  });

  it('lets such a page read failures, too', async () => {
    await serve();
    const origin = 'http://127.0.0.1:5173';
    const answer = await post({ origin, 'content-type': 'application/yaml' });
    expect(answer.status).toBe(415);
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
  });

  it('refuses another page, names the flag to it and in the log, and asks no service', async () => {
    await serve();
    const origin = 'https://evil.example';
    const asked = await preflight(origin);
    expect(asked).toMatchObject({ status: 403, text: expect.stringContaining('--cors-origin') });
    expect(asked.text).toContain(origin);
    expect(asked.headers['access-control-allow-origin']).toBeUndefined();
    expect(served.log.lines).toEqual([
      { level: 'warn', fields: { origin }, message: expect.stringContaining('--cors-origin') },
    ]);
    expect(served.services.calls).toEqual([]);
  });

  it('shows nothing to a page that was not let in and calls without asking', async () => {
    await serve();
    const answer = await post({ origin: 'https://evil.example' });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('lets in the origins that are configured', async () => {
    await serve('https://app.example');
    expect((await preflight('https://app.example')).status).toBe(204);
    expect((await preflight('https://other.example')).status).toBe(403);
  });

  it('answers what Chromium asks of pages on public addresses', async () => {
    await serve('https://app.example');
    const asked = await preflight('https://app.example', { 'access-control-request-private-network': 'true' });
    expect(asked.headers['access-control-allow-private-network']).toBe('true');
    expect((await preflight('https://app.example')).headers['access-control-allow-private-network']).toBeUndefined();
  });

  it('takes OPTIONS that is no preflight for any other request', async () => {
    await serve();
    expect((await call(`${served.baseUrl}${PATH}`, { method: 'OPTIONS' })).status).toBe(405);
  });

  it('refuses a host name that was made to point here, with the flag to set', async () => {
    await serve();
    for (const path of [PATH, '/', '/healthz', '/readyz']) {
      const answer = await call(`${served.baseUrl}${path}`, { headers: { [hostHeader]: 'evil.example:7400' } });
      expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('--allowed-host') });
      expect(answer.text).toContain('"evil.example"');
    }
    expect(served.log.lines[0]).toMatchObject({ level: 'warn', fields: { host: 'evil.example' } });
    expect(served.services.calls).toEqual([]);
  });
});

it('asks nobody for a host name where HTTP/1.0 has none', async () => {
  const served = await serveCoordinator();
  using client = await RawConnection.open(served);
  client.socket.write('GET /healthz HTTP/1.0\r\n\r\n');
  await eventually(() => client.isClosed);
  expect(client.received.toString()).toMatch(/^HTTP\/1\.1 200 OK/);
  await served.stop();
});
