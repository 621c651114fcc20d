import { create, toJsonString } from '@bufbuild/protobuf';
import { ConnectError, createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { type ErrorDetail, ErrorDetailSchema } from '../../src/gen/coordinator/v1/errors_pb.js';
import { ClientTransports } from '../support/client-transports.js';
import { type HttpAnswer, postJson } from '../support/http-call.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const SECRET_TEXT = 'select * from tenants: password hunter2 in /var/lib/secret';
/** What is thrown where nobody expected it: errors with a cause, and things that are no errors at all. */
const SURPRISES: readonly unknown[] = [
  new TypeError(SECRET_TEXT),
  new Error('outer', { cause: new Error(SECRET_TEXT) }),
  new ConnectError(SECRET_TEXT),
  SECRET_TEXT,
  undefined,
];

let served: ServedCoordinator;
let transports: ClientTransports;

beforeAll(async () => {
  served = await serveCoordinator();
  transports = new ClientTransports(served.baseUrl);
});
afterAll(async () => {
  transports?.close();
  await served?.stop();
});
beforeEach(() => {
  served.log.lines.length = 0;
});

function surprise(thrown: unknown): void {
  served.services.before = () => {
    throw thrown;
  };
}

function readKey(errors: 'status' | 'inline'): Promise<HttpAnswer> {
  const url = `${served.baseUrl}/coordinator.v1.CoordinatorService/ReadKeyValue`;
  return postJson(url, { tenantId: 'acme', key: 'k' }, { 'coordinator-errors': errors });
}

/** The one log line of the failure, which has the thrown value. */
function loggedRequestId(rpc: string, thrown: unknown): string {
  expect(served.log.lines).toEqual([
    {
      level: 'error',
      fields: { rpc, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/), err: thrown },
      message: expect.any(String),
    },
  ]);
  return String(served.log.lines[0]?.fields.requestId);
}

describe.each(SURPRISES)('when %s is thrown', (thrown) => {
  it.each(['status', 'inline'] as const)('tells the client a request id and nothing else: %s', async (errors) => {
    surprise(thrown);
    const answer = await readKey(errors);
    const requestId = loggedRequestId('ReadKeyValue', thrown);
    const { message, errorMessage } = JSON.parse(answer.text);
    expect(answer.status).toBe(errors === 'status' ? 500 : 200);
    expect(answer.headers['coordinator-error-code']).toBe('INTERNAL_ERROR');
    expect(message ?? errorMessage).toBe(`INTERNAL_ERROR: something went wrong here; request id ${requestId}`);
    expectNoLeak(JSON.stringify(answer.headers) + answer.text);
  });

  it('tells a gRPC client the request id in the detail, and nothing else anywhere', async () => {
    surprise(thrown);
    const client = createClient(CoordinatorService, transports.get('gRPC'));
    const error = ConnectError.from(await client.getTenant({ tenantId: 'acme' }).catch((failure: unknown) => failure));
    const requestId = loggedRequestId('GetTenant', thrown);
    const [detail = create(ErrorDetailSchema)] = error.findDetails(ErrorDetailSchema);
    expect(detail.metadata).toEqual({ request_id: requestId });
    expect(error.findDetails(CoordinatorService.method.getTenant.output)).toHaveLength(1);
    expectNoLeak(error.message + JSON.stringify([...error.metadata]) + toJsonString(ErrorDetailSchema, detail));
  });
});

it('leaves the outcome open for a write only: whatever broke may have broken after it was sent', async () => {
  surprise(new Error('broken'));
  const client = createClient(CoordinatorService, transports.get('gRPC'));
  const detailOf = async (call: Promise<unknown>): Promise<ErrorDetail | undefined> =>
    ConnectError.from(await call.catch((failure: unknown) => failure)).findDetails(ErrorDetailSchema)[0];
  expect(await detailOf(client.writeKeyValue({}))).toMatchObject({ outcomeUnknown: true, retryable: false });
  expect(await detailOf(client.readKeyValue({}))).toMatchObject({ outcomeUnknown: false, retryable: false });
});

it('gives every failure a request id of its own', async () => {
  surprise(new Error('broken'));
  await Promise.all([readKey('status'), readKey('inline'), readKey('status')]);
  const ids = served.log.lines.map(({ fields }) => fields.requestId);
  expect(new Set(ids).size).toBe(3);
});

/** Neither the exception's text nor a stack frame. */
function expectNoLeak(told: string): void {
  const base64 = Buffer.from(SECRET_TEXT).toString('base64').slice(4, -4);
  for (const leak of ['hunter2', 'password', 'secret', 'outer', '.ts:', '.js:', 'Error: ', base64]) {
    expect(told).not.toContain(leak);
  }
}
