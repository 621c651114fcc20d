import { Code, ConnectError } from '@connectrpc/connect';
import { errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { trailerParse } from '@connectrpc/connect/protocol-grpc-web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErrorCode } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ErrorDetailSchema } from '../../src/gen/coordinator/v1/errors_pb.js';
import { envelope, grpcCall } from '../support/grpc-call.js';
import { http1Call, http2Call } from '../support/http-call.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const CASES = [
  ['/coordinator.v1.CoordinatorService/WriteKeyvalue', 'has no RPC WriteKeyvalue; it has WriteKeyValue, ReadKeyValue'],
  ['/CoordinatorService/Nothing', 'the service CoordinatorService has no RPC Nothing'],
  [
    '/coordinator.v2.CoordinatorService/ReadKeyValue',
    'there is no service coordinator.v2.CoordinatorService; there are',
  ],
  ['/grpc.health.v1.Health/Chek', 'has no RPC Chek; it has Check'],
] as const;

describe.each(CASES)('a call of %s', (path, message) => {
  let served: ServedCoordinator;
  beforeAll(async () => {
    served = await serveCoordinator();
  });
  afterAll(() => served.stop());

  const expectWhole = (error: ConnectError | undefined, code: string | null | undefined) => {
    expect(error?.code).toBe(Code.Unimplemented);
    expect(error?.rawMessage).toContain(message);
    expect(error?.findDetails(ErrorDetailSchema)).toMatchObject([
      { code: ErrorCode.INVALID_REQUEST, message: error?.rawMessage, retryable: false, outcomeUnknown: false },
    ]);
    expect(code).toBe('INVALID_REQUEST');
  };

  it.each([
    ['HTTP/1.1', http1Call],
    ['HTTP/2', http2Call],
  ])('is told so by Connect over %s', async (_version, call) => {
    for (const type of ['application/json', 'application/proto']) {
      const headers = { 'content-type': type };
      const answer = await call(`${served.baseUrl}${path}`, { method: 'POST', headers, body: '{}' });
      expect(answer.status).toBe(404);
      expect(answer.headers['content-type']).toBe('application/json');
      const fallback = new ConnectError('no error', Code.DataLoss);
      let error: ConnectError;
      try {
        error = errorFromJsonBytes(Buffer.from(answer.text), undefined, fallback);
      } catch (thrown) {
        error = ConnectError.from(thrown);
      }
      expectWhole(error, String(answer.headers['coordinator-error-code']));
    }
  });

  it('is told so by gRPC', async () => {
    const { trailers, headers } = await grpcCall(`${served.baseUrl}${path}`, envelope(new Uint8Array(0)));
    expect(headers[':status']).toBe(200);
    expectWhole(findTrailerError(trailers), trailers.get('coordinator-error-code'));
  });

  it('is told so by gRPC-Web', async () => {
    const headers = { 'content-type': 'application/grpc-web+proto' };
    const body = envelope(new Uint8Array(0));
    const answer = await fetch(`${served.baseUrl}${path}`, { method: 'POST', headers, body });
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes[0]).toBe(0x80);
    const trailer = trailerParse(bytes.subarray(5));
    expect(trailer.get('grpc-status')).toBe(String(Code.Unimplemented));
    expectWhole(findTrailerError(trailer), trailer.get('coordinator-error-code'));
  });
});

it('is a missing page for whoever asks as for a page', async () => {
  const served = await serveCoordinator();
  const answer = await http1Call(`${served.baseUrl}/coordinator.v1.CoordinatorService/Nothing`);
  expect(answer).toMatchObject({ status: 404, text: expect.stringContaining('There is no') });
  await served.stop();
});
