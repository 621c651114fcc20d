import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { http1Call, http2Call } from '../support/http-call.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

/** What curl says of the body that `-d` gives. */
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const BROWSER_HEADERS = [
  { origin: 'https://example.org' },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-origin' },
];

let served: ServedCoordinator;

beforeAll(async () => {
  served = await serveCoordinator();
});
afterAll(() => served?.stop());
beforeEach(() => {
  served.services.calls.length = 0;
});

describe.each([
  ['HTTP/1.1', http1Call],
  ['HTTP/2', http2Call],
])('over %s', (_version, call) => {
  const createTenant = (headers: Record<string, string>) =>
    call(`${served.baseUrl}/coordinator.v1.CoordinatorService/CreateTenant`, {
      method: 'POST',
      headers,
      body: '{"tenantId":"acme","replicationFactor":3}',
    });

  it('takes the form content type of plain curl -d as JSON', async () => {
    const answer = await createTenant(FORM);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(JSON.parse(answer.text)).toMatchObject({ success: true, tenantId: 'acme' });
    expect(served.services.calls).toEqual([{ method: 'createTenant', asked: ['acme', 3] }]);
  });

  it.each(BROWSER_HEADERS)(
    'refuses it from a browser, which could post it without a preflight: %o',
    async (headers) => {
      expect((await createTenant({ ...FORM, ...headers })).status).toBe(415);
      expect(served.services.calls).toEqual([]);
    },
  );

  it.each(['text/plain', 'multipart/form-data; boundary=x'])(
    'refuses the other content type that needs no preflight, %s',
    async (contentType) => {
      expect((await createTenant({ 'content-type': contentType })).status).toBe(415);
      expect((await createTenant({ 'content-type': contentType, ...BROWSER_HEADERS[0] })).status).toBe(415);
      expect(served.services.calls).toEqual([]);
    },
  );

  it('refuses a body without a content type', async () => {
    expect((await createTenant({})).status).toBe(415);
    expect(served.services.calls).toEqual([]);
  });
});
