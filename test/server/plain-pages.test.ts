import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { http1Call, http2Call } from '../support/http-call.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

let served: ServedCoordinator;

beforeAll(async () => {
  served = await serveCoordinator();
});
afterAll(() => served?.stop());
beforeEach(() => {
  served.readiness = { ready: true };
});

describe.each([
  ['HTTP/1.1', http1Call],
  ['HTTP/2', http2Call],
])('over %s', (_version, call) => {
  it('says on /readyz whether it is ready, and why not', async () => {
    expect(await call(`${served.baseUrl}/readyz`)).toMatchObject({ status: 200, text: 'ready\n' });
    served.readiness = { ready: false, reason: 'draining' };
    expect(await call(`${served.baseUrl}/readyz`)).toMatchObject({ status: 503, text: 'not ready: draining\n' });
  });

  it('is healthy as long as the process answers, ready or not', async () => {
    for (const readiness of [{ ready: true }, { ready: false, reason: 'draining' }] as const) {
      served.readiness = readiness;
      expect(await call(`${served.baseUrl}/healthz`)).toMatchObject({ status: 200, text: 'ok\n' });
    }
  });

  it('shows version, state and commands for the address that it was asked at', async () => {
    const ready = await call(`${served.baseUrl}/`);
    expect(ready.status).toBe(200);
    expect(ready.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(ready.text).toContain('Quorate 1.2.3: ready\n');
    served.readiness = { ready: false, reason: 'the clock is off' };
    expect((await call(`${served.baseUrl}/`)).text).toContain('Quorate 1.2.3: not ready: the clock is off\n');
  });

  it.each([
    '/nowhere',
    '/coordinator.v1.CoordinatorService',
    '/coordinator.v1.CoordinatorService/Nothing',
    '/healthz/',
  ])('has no page %s, and says where the RPCs are', async (path) => {
    const answer = await call(`${served.baseUrl}${path}`);
    expect(answer.status).toBe(404);
    expect(answer.text).toContain(JSON.stringify(path));
    expect(answer.text).toContain('/coordinator.v1.CoordinatorService/<RPC>');
  });

  it('looks at the path alone, not at the query', async () => {
    expect((await call(`${served.baseUrl}/healthz?verbose`)).status).toBe(200);
  });

  it('shows commands that work as they stand', async () => {
    const { text } = await call(`${served.baseUrl}/`);
    const commands = [...text.matchAll(/curl -sd '(.*)' (\S+)/g)];
    expect(commands).toHaveLength(2);
    for (const [, body = '', url = ''] of commands) {
      expect(url.startsWith(served.baseUrl)).toBe(true);
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      expect((await http1Call(url, { method: 'POST', headers, body })).status).toBe(200);
    }
  });
});
