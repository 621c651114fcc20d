import { once } from 'node:events';
import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WriteRequest } from '../../src/services/coordinator-services.js';
import { http1Call, http2Call, postJson } from '../support/http-call.js';
import { OUTCOMES } from '../support/scripted-services.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const VALUE_BYTES_MAX = 100_000;

let served: ServedCoordinator;
let service: string;

beforeAll(async () => {
  served = await serveCoordinator({ valueBytesMax: VALUE_BYTES_MAX });
  service = `${served.baseUrl}/coordinator.v1.CoordinatorService`;
});
afterAll(() => served?.stop());
beforeEach(() => {
  served.services.calls.length = 0;
  served.services.outcomes = OUTCOMES;
});

describe('a request in JSON', () => {
  it('may name fields as the contract writes them, or in camel case', async () => {
    for (const body of [
      { tenant_id: 'acme', replication_factor: 3 },
      { tenantId: 'acme', replicationFactor: 3 },
    ]) {
      expect((await postJson(`${service}/CreateTenant`, body)).status).toBe(200);
    }
    const call = { method: 'createTenant', asked: ['acme', 3] };
    expect(served.services.calls).toEqual([call, call]);
  });

  it.each([
    ['YWJjZA==', 'abcd'],
    ['YWJjZA', 'abcd'],
    ['-_-_', '\u00fb\u00ff\u00bf'],
    ['\\u0059WJj', 'abc'],
    ['', ''],
  ])('takes base64 as %j', async (value, bytes) => {
    const headers = { 'content-type': 'application/json' };
    const body = `{"tenantId":"t","key":"a \\"value\\":\\"%%%","value":"${value}"}`;
    expect((await http1Call(`${service}/WriteKeyValue`, { method: 'POST', headers, body })).status).toBe(200);
    const [{ asked }] = served.services.calls as unknown as [{ asked: [WriteRequest] }];
    expect(Buffer.from(asked[0].value).toString('latin1')).toBe(bytes);
  });

  it.each([
    ['an unknown field', '{"tenantId":"acme","consistancy":"all"}'],
    ['a field of another type', '{"tenantId":5}'],
    ['text that is no JSON', 'tenantId=acme'],
    ['no body', ''],
    ['base64 with padding inside', '{"tenantId":"t","key":"k","value":"YQ==YQ=="}', 'WriteKeyValue'],
    ['base64 with too much padding', '{"tenantId":"t","key":"k","value":"YWI==="}', 'WriteKeyValue'],
    ['base64 with a character of its own', '{"tenantId":"t","key":"k","value":"YW%I"}', 'WriteKeyValue'],
    ['base64 that ends too early', '{"tenantId":"t","key":"k","value" : "YWJjZ"}', 'WriteKeyValue'],
  ])('is refused with %s, and never reaches the service', async (_what, body, rpc = 'ReadKeyValue') => {
    const headers = { 'content-type': 'application/json' };
    const answer = await http1Call(`${service}/${rpc}`, { method: 'POST', headers, body });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).code).toBe('invalid_argument');
    expect(served.services.calls).toEqual([]);
  });

  it('names the unknown field that it is refused for', async () => {
    const answer = await postJson(`${service}/ReadKeyValue`, { tenantId: 'acme', consistancy: 'all' });
    expect(JSON.parse(answer.text).message).toContain('consistancy');
  });
});

describe('an answer in JSON', () => {
  it('shows false, 0 and "" as well', async () => {
    served.services.outcomes = {
      ...OUTCOMES,
      write: { idempotencyKey: '', clock: [], replicaCount: 0, level: 'one', isDuplicate: false },
      read: { value: new Uint8Array(0), clock: [] },
    };
    const written = await postJson(`${service}/WriteKeyValue`, {});
    expect(JSON.parse(written.text)).toEqual({
      success: true,
      key: '',
      idempotencyKey: '',
      vectorClock: { entries: [] },
      replicaCount: 0,
      consistency: 'one',
      isDuplicate: false,
      errorMessage: '',
    });
    const read = await postJson(`${service}/ReadKeyValue`, {});
    expect(JSON.parse(read.text)).toMatchObject({ key: '', value: '', errorMessage: '' });
  });

  it('is gzipped for a client that takes gzip, and never in brotli', async () => {
    const value = Buffer.alloc(VALUE_BYTES_MAX, 'compressible');
    served.services.outcomes = { ...OUTCOMES, read: { value, clock: [] } };
    const headers = { 'content-type': 'application/json', 'accept-encoding': 'br, gzip' };
    const sent = request(`${service}/ReadKeyValue`, { method: 'POST', headers }).end('{}');
    const [response] = await once(sent, 'response');
    expect(response.headers['content-encoding']).toBe('gzip');
    const compressed = await buffer(response);
    expect(compressed.length).toBeLessThan(VALUE_BYTES_MAX / 10);
    expect(JSON.parse(gunzipSync(compressed).toString()).value).toBe(value.toString('base64'));
  });
});

describe('a GET of an RPC', () => {
  const query = `encoding=json&message=${encodeURIComponent('{"tenantId":"acme","key":"k"}')}`;

  it.each([
    ['HTTP/1.1', http1Call],
    ['HTTP/2', http2Call],
  ])('answers a read over %s', async (_version, call) => {
    const answer = await call(`${service}/ReadKeyValue?${query}`);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ success: true, key: 'k' });
    expect(served.services.calls).toEqual([
      { method: 'read', asked: [expect.objectContaining({ tenantId: 'acme', key: 'k' })] },
    ]);
  });

  it.each(['WriteKeyValue', 'CreateTenant', 'UpdateReplicationFactor', 'AddStorageNode', 'RemoveStorageNode'])(
    'is refused for %s, which changes something',
    async (rpc) => {
      expect((await http1Call(`${service}/${rpc}?encoding=json&message=%7B%7D`)).status).toBe(405);
      expect(served.services.calls).toEqual([]);
    },
  );
});

describe('the size of a body', () => {
  const write = (valueBytes: number) => ({ value: Buffer.alloc(valueBytes, 1).toString('base64') });

  it('may hold the greatest value', async () => {
    expect((await postJson(`${service}/WriteKeyValue`, write(VALUE_BYTES_MAX))).status).toBe(200);
    const [asked] = served.services.calls.flatMap((call) => call.asked as WriteRequest[]);
    expect(Buffer.alloc(VALUE_BYTES_MAX, 1).equals(asked?.value ?? new Uint8Array(0))).toBe(true);
  });

  it.each([
    ['HTTP/1.1', http1Call],
    ['HTTP/2', http2Call],
  ])('over the limit is refused over %s', async (_version, call) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(write(3 * VALUE_BYTES_MAX));
    const answer = await call(`${service}/WriteKeyValue`, { method: 'POST', headers, body });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).code).toBe('invalid_argument');
    expect(served.services.calls).toEqual([]);
  });

  it('over the limit is refused also when it was small before it was decompressed', async () => {
    const body = gzipSync(JSON.stringify(write(100 * VALUE_BYTES_MAX)));
    expect(body.length).toBeLessThan(VALUE_BYTES_MAX);
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const answer = await http1Call(`${service}/WriteKeyValue`, { method: 'POST', headers, body });
    expect(JSON.parse(answer.text).code).toBe('invalid_argument');
    expect(served.services.calls).toEqual([]);
  });
});

it.each(['coordinator.v1.CoordinatorService', 'CoordinatorService', 'proto.CoordinatorService'])(
  'answers every RPC under the name %s',
  async (name) => {
    for (const rpc of ['WriteKeyValue', 'ReadKeyValue', 'GetTenant', 'ListStorageNodes', 'AddStorageNode']) {
      const answer = await postJson(`${served.baseUrl}/${name}/${rpc}`, {});
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text).success).toBe(true);
    }
    const methods = served.services.calls.map(({ method }) => method);
    expect(methods).toEqual(['write', 'read', 'getTenant', 'listStorageNodes', 'addStorageNode']);
  },
);
