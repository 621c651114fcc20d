import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { QuorateError } from '../../src/domain/errors.js';
import type { ErrorMode } from '../../src/rpc/call.js';
import { type HttpAnswer, postJson } from '../support/http-call.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const OWN_NAME = 'coordinator.v1.CoordinatorService';
const NAMES_AS_SET = [OWN_NAME, 'CoordinatorService', 'proto.CoordinatorService'];

describe.each<ErrorMode>(['status', 'inline'])('a server that is set to %s', (mode) => {
  const otherMode = mode === 'status' ? 'inline' : 'status';
  let served: ServedCoordinator;

  beforeAll(async () => {
    served = await serveCoordinator({ errors: mode });
  });
  afterAll(() => served?.stop());
  beforeEach(() => {
    served.services.calls.length = 0;
    served.services.before = () => {
      throw new QuorateError('tenant_not_found', 'there is no tenant "nobody"');
    };
  });

  function getTenant(serviceName: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return postJson(`${served.baseUrl}/${serviceName}/GetTenant`, { tenantId: 'nobody' }, headers);
  }

  it.each(NAMES_AS_SET)('fails so under the name %s', async (name) => {
    expectFailure(await getTenant(name), mode);
  });

  it.each(NAMES_AS_SET)('fails as the request chooses under the name %s', async (name) => {
    expectFailure(await getTenant(name, { 'coordinator-errors': otherMode }), otherMode);
    expectFailure(await getTenant(name, { 'coordinator-errors': mode }), mode);
  });

  it.each([
    ['plain.CoordinatorService', 'inline'],
    ['strict.CoordinatorService', 'status'],
  ] as const)('fails under the alias %s as that is set: %s', async (alias, aliasMode) => {
    expectFailure(await getTenant(alias), aliasMode);
    expectFailure(await getTenant(alias, { 'coordinator-errors': 'inline' }), 'inline');
    expectFailure(await getTenant(alias, { 'coordinator-errors': 'status' }), 'status');
  });

  it.each(['Inline', 'both', ''])('refuses the choice "%s" before the service is asked', async (choice) => {
    const answer = await getTenant(OWN_NAME, { 'coordinator-errors': choice });
    expect(answer.headers['coordinator-error-code']).toBe('INVALID_REQUEST');
    const { message, errorMessage } = JSON.parse(answer.text);
    expect(message ?? errorMessage).toBe('INVALID_REQUEST: header coordinator-errors must be "inline" or "status"');
    expect(answer.status).toBe(mode === 'inline' ? 200 : 400);
    expect(served.services.calls).toEqual([]);
  });

  it.each(['inline', 'status'])('answers a call that succeeds alike when the request chooses %s', async (choice) => {
    served.services.before = () => undefined;
    const answer = await getTenant(OWN_NAME, { 'coordinator-errors': choice });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('coordinator-error-code');
    expect(JSON.parse(answer.text)).toMatchObject({ success: true, errorMessage: '' });
    expect(JSON.parse(answer.text)).not.toHaveProperty('errorCode');
  });
});

function expectFailure(answer: HttpAnswer, mode: ErrorMode): void {
  const message = 'TENANT_NOT_FOUND: there is no tenant "nobody"';
  expect(answer.headers['coordinator-error-code']).toBe('TENANT_NOT_FOUND');
  expect(answer.headers['content-type']).toBe('application/json');
  const body = JSON.parse(answer.text);
  if (mode === 'status') {
    expect(answer.status).toBe(404);
    expect(body).toMatchObject({ code: 'not_found', message });
    return;
  }
  expect(answer.status).toBe(200);
  expect(body).toEqual({
    success: false,
    tenantId: 'nobody',
    replicationFactor: 0,
    createdAt: '0',
    updatedAt: '0',
    errorMessage: message,
    errorCode: 'TENANT_NOT_FOUND',
  });
}
