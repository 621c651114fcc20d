import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GetTenantRequestSchema, GetTenantResponseSchema } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

function envelope(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

describe('gRPC-Web in base64', () => {
  let served: ServedCoordinator;
  beforeEach(async () => {
    served = await serveCoordinator();
  });
  afterEach(() => served.stop());

  const call = async (body: string, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await fetch(`${served.baseUrl}/coordinator.v1.CoordinatorService/GetTenant`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web-text', 'x-grpc-web': '1', ...headers },
      body,
    });
    const text = await answer.text();
    const bytes = Buffer.concat((text.match(/[^=]*={0,2}/g) ?? []).map((part) => Buffer.from(part, 'base64')));
    return { status: answer.status, type: answer.headers.get('content-type'), bytes };
  };
  const request = envelope(toBinary(GetTenantRequestSchema, create(GetTenantRequestSchema, { tenantId: 'acme' })));

  it.each([
    ['in one part', request.toString('base64')],
    [
      'in parts with their own padding',
      [request.subarray(0, 5), request.subarray(5)].map((part) => part.toString('base64')).join(''),
    ],
  ])('is answered in kind, sent %s', async (_how, body) => {
    const { status, type, bytes } = await call(body);
    expect(status).toBe(200);
    expect(type).toMatch(/^application\/grpc-web-text/);
    const length = bytes.readUInt32BE(1);
    expect(fromBinary(GetTenantResponseSchema, bytes.subarray(5, 5 + length))).toMatchObject({ success: true });
    expect(bytes[5 + length]).toBe(0x80);
    expect(bytes.subarray(10 + length).toString()).toContain('grpc-status: 0');
    expect(served.services.calls).toEqual([{ method: 'getTenant', asked: ['acme'] }]);
  });

  it('takes time by its length alone, in however many padded parts it comes', async () => {
    const body = Buffer.concat([request, Buffer.alloc(50_000)]);
    body.writeUInt32BE(body.length - 5, 1);
    const padded = Array.from(body, (byte) => Buffer.of(byte).toString('base64')).join('');
    const began = performance.now();
    const { bytes } = await call(padded);
    expect(bytes.subarray(5).toString()).toContain('grpc-status: 3');
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it.each(['%%%%', 'AAA', 'AA=A', '====', 'AA==='])('that is none (%s) is refused as bad request', async (body) => {
    const { bytes } = await call(body);
    expect(bytes.subarray(5).toString()).toContain('grpc-status: 3');
    expect(served.services.calls).toEqual([]);
  });
});
