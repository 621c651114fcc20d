import { gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { trailerParse } from '@connectrpc/connect/protocol-grpc-web';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ErrorCode,
  WriteKeyValueRequestSchema,
  WriteKeyValueResponseSchema,
} from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ErrorDetailSchema } from '../../src/gen/coordinator/v1/errors_pb.js';
import { envelope, grpcCall } from '../support/grpc-call.js';
import { http1Call } from '../support/http-call.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const PATH = '/coordinator.v1.CoordinatorService/WriteKeyValue';
const READ_PATH = '/coordinator.v1.CoordinatorService/ReadKeyValue';
const JSON_TYPE = { 'content-type': 'application/json' };
const PROTO_TYPE = { 'content-type': 'application/proto' };
const VALID = toBinary(WriteKeyValueRequestSchema, create(WriteKeyValueRequestSchema, { tenantId: 't', key: 'k' }));
/** Field 2, "key", holds bytes that are no UTF-8. */
const BAD_TEXT = Buffer.from([0x0a, 1, 0x74, 0x12, 2, 0xff, 0xfe]);

const BAD_JSON = Buffer.concat([Buffer.from('{"tenantId":"t","key":"'), Buffer.of(0xff, 0xfe), Buffer.from('"}')]);
const GZIPPED = { ...JSON_TYPE, 'content-encoding': 'gzip' };

/** What every failing call has. */
function expectWhole(error: ConnectError, status: keyof typeof Code, message: string): void {
  expect(Code[error.code]).toBe(status);
  expect(error.rawMessage).toMatch(/^INVALID_REQUEST: /);
  expect(error.rawMessage).toContain(message);
  const [detail] = error.findDetails(ErrorDetailSchema);
  expect(detail).toMatchObject({
    code: ErrorCode.INVALID_REQUEST,
    message: error.rawMessage,
    retryable: false,
    outcomeUnknown: false,
  });
  const [response] = error.findDetails(WriteKeyValueResponseSchema);
  expect(response).toMatchObject({
    success: false,
    errorMessage: error.rawMessage,
    errorCode: ErrorCode.INVALID_REQUEST,
  });
}

const NO_ERROR = new ConnectError('there is no error in it', Code.DataLoss);
const connectError = (text: string): ConnectError => {
  try {
    return errorFromJsonBytes(Buffer.from(text), undefined, NO_ERROR);
  } catch (error) {
    return ConnectError.from(error);
  }
};

describe("the protocol layer's own errors", () => {
  let served: ServedCoordinator;
  let url: string;

  beforeAll(async () => {
    served = await serveCoordinator({ valueBytesMax: 1000 });
    url = `${served.baseUrl}${PATH}`;
  });
  // Nothing of a bad request reaches a service.
  afterEach(() => expect(served.services.calls).toEqual([]));
  afterAll(() => served.stop());

  const deep = (depth: number) => `${'{"tenantId":'.repeat(depth)}1${'}'.repeat(depth)}`;
  const CONNECT_CASES: readonly (readonly [
    string,
    Record<string, string>,
    string | Uint8Array,
    number,
    keyof typeof Code,
    string,
  ])[] = [
    ['an unknown field', JSON_TYPE, '{"consistancy":"one"}', 400, 'InvalidArgument', '"consistancy"'],
    ['a wrong type', JSON_TYPE, '{"tenantId":5}', 400, 'InvalidArgument', 'tenant_id'],
    ['bad base64', JSON_TYPE, '{"value":"%%%"}', 400, 'InvalidArgument', 'value'],
    ['bad UTF-8 in JSON', JSON_TYPE, BAD_JSON, 400, 'InvalidArgument', 'key must be valid UTF-8'],
    ['bad UTF-8 in compressed JSON', GZIPPED, gzipSync(BAD_JSON), 400, 'InvalidArgument', 'key must be valid UTF-8'],
    ['half a surrogate pair', JSON_TYPE, '{"key":"\\ud800"}', 400, 'InvalidArgument', 'key'],
    ['an int32 that overflows', JSON_TYPE, '{"tenantId":"t","key":3000000000}', 400, 'InvalidArgument', 'key'],
    ['a field that is there twice', JSON_TYPE, '{"key":"a","key":"b"}', 400, 'InvalidArgument', '"key'],
    ['half a JSON', JSON_TYPE, '{"tenantId":', 400, 'InvalidArgument', 'JSON'],
    ['a JSON array', JSON_TYPE, '[]', 400, 'InvalidArgument', 'from JSON'],
    ['deep JSON', JSON_TYPE, deep(200), 400, 'InvalidArgument', 'tenant_id'],
    [
      'bad UTF-8 in JSON',
      JSON_TYPE,
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      400,
      'InvalidArgument',
      '',
    ],
    ['bad UTF-8 in a field', PROTO_TYPE, BAD_TEXT, 400, 'InvalidArgument', 'key must be valid UTF-8'],
    ['a truncated message', PROTO_TYPE, VALID.subarray(0, -1), 400, 'InvalidArgument', ''],
    [
      'a body that is too large',
      JSON_TYPE,
      `{"key":"${'k'.repeat(100_000)}"}`,
      400,
      'InvalidArgument',
      'the request must be at most',
    ],
    ['an unknown compression', { ...JSON_TYPE, 'content-encoding': 'zstd' }, '{}', 501, 'Unimplemented', 'zstd'],
    ['compression that ends early', GZIPPED, Buffer.of(0x4e), 400, 'InvalidArgument', 'no gzip'],
    ['broken compression', { ...JSON_TYPE, 'content-encoding': 'gzip' }, 'nonsense', 400, 'InvalidArgument', ''],
    [
      'a compression bomb',
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      gzipSync(Buffer.alloc(10_000_000, 32)),
      400,
      'InvalidArgument',
      '',
    ],
    [
      'a bad timeout',
      { ...JSON_TYPE, 'connect-timeout-ms': 'soon' },
      '{}',
      400,
      'InvalidArgument',
      'connect-timeout-ms must',
    ],
    [
      'a negative timeout',
      { ...JSON_TYPE, 'connect-timeout-ms': '-1' },
      '{}',
      400,
      'InvalidArgument',
      'digits, but is "-1"',
    ],
    [
      'an absurd timeout',
      { ...JSON_TYPE, 'connect-timeout-ms': '9'.repeat(30) },
      '{}',
      400,
      'InvalidArgument',
      '10 digits',
    ],
    ['an unknown codec', { 'content-type': 'text/plain' }, '{}', 415, 'InvalidArgument', '"text/plain" is not served'],
  ];

  it.each(CONNECT_CASES)('over Connect for %s is whole', async (_what, headers, body, status, code, message) => {
    const answer = await http1Call(url, { method: 'POST', headers, body });
    expect(answer.status).toBe(status);
    expect(answer.headers['coordinator-error-code']).toBe('INVALID_REQUEST');
    expect(answer.headers['content-type']).toBe('application/json');
    expectWhole(connectError(answer.text), code, message);
    expect(served.services.calls).toEqual([]);
  });

  it.each(['encoding=proto&base64=1&message=A', 'encoding=json&compression=gzip&base64=1&message=AAAA'])(
    'over Connect for a query of %s is whole',
    async (query) => {
      const { status, text } = await http1Call(`${served.baseUrl}${READ_PATH}?connect=v1&${query}`);
      expect(status).toBe(400);
      const error = connectError(text);
      expect(Code[error.code]).toBe('InvalidArgument');
      expect(error.findDetails(ErrorDetailSchema)).toMatchObject([{ code: ErrorCode.INVALID_REQUEST }]);
    },
  );

  it('over Connect for an HTTP method that is not served is whole', async () => {
    const answer = await http1Call(url, { method: 'PUT', headers: JSON_TYPE, body: '{}' });
    expect(answer.status).toBe(405);
    expectWhole(connectError(answer.text), 'InvalidArgument', 'method PUT is not served');
  });

  it('over Connect is an OK answer where the client asked for that, in the format that it speaks', async () => {
    const inline = { 'coordinator-errors': 'inline' };
    const json = await http1Call(url, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...inline },
      body: '{"consistancy":"one"}',
    });
    expect(json.status).toBe(200);
    expect(JSON.parse(json.text)).toMatchObject({
      success: false,
      errorCode: 'INVALID_REQUEST',
      errorMessage: expect.stringContaining('consistancy'),
      replicaCount: 0,
    });
    const binary = await fetch(url, { method: 'POST', headers: { ...PROTO_TYPE, ...inline }, body: BAD_TEXT });
    expect(binary.headers.get('content-type')).toBe('application/proto');
    expect(fromBinary(WriteKeyValueResponseSchema, new Uint8Array(await binary.arrayBuffer()))).toMatchObject({
      success: false,
      errorMessage: 'INVALID_REQUEST: key must be valid UTF-8',
    });
  });

  const GRPC_CASES: readonly (readonly [string, Record<string, string>, Uint8Array, keyof typeof Code, string])[] = [
    ['bad UTF-8 in a field', {}, envelope(BAD_TEXT), 'InvalidArgument', 'key must be valid UTF-8'],
    ['a truncated message', {}, envelope(VALID.subarray(0, -1)), 'InvalidArgument', ''],
    ['a truncated frame', {}, envelope(VALID).subarray(0, -1), 'InvalidArgument', ''],
    ['two messages', {}, Buffer.concat([envelope(VALID), envelope(VALID)]), 'Unimplemented', ''],
    ['no message', {}, new Uint8Array(0), 'Unimplemented', ''],
    [
      'a message that is too large',
      {},
      envelope(new Uint8Array(100_000)),
      'InvalidArgument',
      'the request must be at most',
    ],
    ['an unknown compression', { 'grpc-encoding': 'zstd' }, envelope(VALID), 'Unimplemented', 'zstd'],
    ['a bad timeout', { 'grpc-timeout': 'soon' }, envelope(VALID), 'InvalidArgument', 'grpc-timeout must'],
    ['a negative timeout', { 'grpc-timeout': '-1S' }, envelope(VALID), 'InvalidArgument', 'unit: H, M, S, m, u or n'],
    ['an absurd timeout', { 'grpc-timeout': '999999999H' }, envelope(VALID), 'InvalidArgument', '8 digits'],
  ];

  it.each([
    ['plain', envelope(BAD_JSON), {}],
    ['compressed', envelope(gzipSync(BAD_JSON), 1), { 'grpc-encoding': 'gzip' }],
  ])('over gRPC for bad UTF-8 in %s JSON is whole', async (_what, body, headers) => {
    const { trailers } = await grpcCall(url, body, { 'content-type': 'application/grpc+json', ...headers });
    expectWhole(findTrailerError(trailers) ?? NO_ERROR, 'InvalidArgument', 'key must be valid UTF-8');
  });

  it.each(GRPC_CASES)('over gRPC for %s is whole', async (_what, headers, body, code, message) => {
    const { trailers } = await grpcCall(url, body, headers);
    expect(trailers.get('coordinator-error-code')).toBe('INVALID_REQUEST');
    const error = findTrailerError(trailers) ?? NO_ERROR;
    expectWhole(error, code, message);
  });

  it.each(GRPC_CASES)('over gRPC-Web for %s is whole', async (_what, headers, body, code, message) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto', ...headers },
      body,
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes[0]).toBe(0x80);
    const error = findTrailerError(trailerParse(bytes.subarray(5))) ?? NO_ERROR;
    expectWhole(error, code, message);
  });

  it('over gRPC are an OK answer where the client asked for that', async () => {
    const { trailers, body } = await grpcCall(url, envelope(BAD_TEXT), { 'coordinator-errors': 'inline' });
    expect([trailers.get('grpc-status'), trailers.get('coordinator-error-code')]).toEqual(['0', 'INVALID_REQUEST']);
    expect(fromBinary(WriteKeyValueResponseSchema, body.subarray(5))).toMatchObject({
      success: false,
      errorMessage: 'INVALID_REQUEST: key must be valid UTF-8',
    });
  });
});
