import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientAdapter, JsonMessage, Outcome } from './client-adapter.js';

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');

/** What every client has to see of a cluster of three nodes. */
export function describeClient(name: string, connect: () => Promise<ClientAdapter>): void {
  describe(name, () => {
    const tenantId = `t-${randomBytes(6).toString('hex')}`;
    let client: ClientAdapter;

    beforeAll(async () => {
      client = await connect();
      expect(answerOf(await client.call('CreateTenant', { tenantId }))).toMatchObject({ replicationFactor: 3 });
    });
    afterAll(() => client?.close());

    const write = (key: string, value: Uint8Array | string, more: JsonMessage = {}) =>
      client.call('WriteKeyValue', { tenantId, key, value: base64(value), ...more });
    const read = async (key: string) => {
      const answer = answerOf(await client.call('ReadKeyValue', { tenantId, key, consistency: 'quorum' }));
      return Buffer.from(String(answer.value ?? ''), 'base64');
    };

    it.each([
      ['text', 'greeting', Buffer.from('hello')],
      ['an empty value', 'empty', Buffer.alloc(0)],
      ['every byte', 'bytes', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
      ['a key in many scripts', 'ключ/鍵/🔑 "\\', Buffer.from('ü')],
      ['a MiB', 'large', randomBytes(1024 * 1024)],
    ])('writes %s at quorum and reads it back', async (_what, key, value) => {
      const written = answerOf(await write(key, value, { consistency: 'quorum' }));
      expect(written).toMatchObject({ success: true, key, consistency: 'quorum' });
      expect(Number(written.replicaCount)).toBeGreaterThanOrEqual(2);
      expect(String(written.idempotencyKey).length).toBeGreaterThan(0);
      expect((await read(key)).equals(value)).toBe(true);
    });

    it('shows a vector clock, whose counters are larger than a double holds of nanoseconds', async () => {
      const { vectorClock } = answerOf(await write('clock', 'v'));
      const [entry] = (vectorClock as { entries: readonly JsonMessage[] }).entries;
      expect(String(entry?.coordinatorNodeId)).toMatch(/^c1@\d+$/);
      expect(BigInt(String(entry?.logicalTimestamp))).toBeGreaterThan(2n ** 50n);
    });

    it('knows a repeated write for a duplicate, and refuses its key for another value', async () => {
      const idempotencyKey = 'once';
      const first = answerOf(await write('k', 'v', { idempotencyKey }));
      expect(first.isDuplicate ?? false).toBe(false);
      expect(answerOf(await write('k', 'v', { idempotencyKey }))).toEqual({ ...first, isDuplicate: true });
      expect(failureOf(await write('k', 'w', { idempotencyKey }))).toMatchObject({
        status: 'already_exists',
        errorCode: 'IDEMPOTENCY_KEY_CONFLICT',
      });
    });

    it.each<[string, string, JsonMessage, string, string, string]>([
      [
        'a missing key',
        'ReadKeyValue',
        { tenantId, key: 'nothing' },
        'not_found',
        'KEY_NOT_FOUND',
        'key "nothing" does not exist',
      ],
      ['a missing tenant', 'GetTenant', { tenantId: 'nobody' }, 'not_found', 'TENANT_NOT_FOUND', 'nobody'],
      ['a tenant twice', 'CreateTenant', { tenantId }, 'already_exists', 'TENANT_EXISTS', tenantId],
      [
        'a bad level',
        'ReadKeyValue',
        { tenantId, key: 'k', consistency: 'most' },
        ...(['invalid_argument', 'INVALID_REQUEST', 'consistency'] as const),
      ],
      [
        'a bad factor',
        'UpdateReplicationFactor',
        { tenantId, newReplicationFactor: 11 },
        ...(['invalid_argument', 'INVALID_REPLICATION_FACTOR', '10'] as const),
      ],
      ['a bad migration', 'GetMigrationStatus', { migrationId: 'x' }, 'not_found', 'MIGRATION_NOT_FOUND', 'x'],
    ])('is told of %s by status, by code and in words', async (_what, rpc, request, status, errorCode, words) => {
      const failure = failureOf(await client.call(rpc, request));
      expect(failure).toMatchObject({ status, errorCode });
      expect(failure.message).toMatch(new RegExp(`^${errorCode}: `));
      expect(failure.message).toContain(words);
    });

    it('gets failures as answers when it asks for that', async () => {
      const request = { tenantId, key: 'nothing' };
      const answer = answerOf(await client.call('ReadKeyValue', request, { 'coordinator-errors': 'inline' }));
      expect(answer.success ?? false).toBe(false);
      expect(answer.errorMessage).toMatch(/^KEY_NOT_FOUND: /);
    });

    it('lists the storage nodes', async () => {
      const { nodes } = answerOf(await client.call('ListStorageNodes', {}));
      const listed = nodes as readonly JsonMessage[];
      expect(listed.map(({ nodeId, status }) => `${nodeId} ${status}`).sort()).toEqual(
        ['n1', 'n2', 'n3'].map((nodeId) => `${nodeId} active`),
      );
    });
  });
}

export function answerOf(outcome: Outcome): JsonMessage {
  if ('answer' in outcome) return outcome.answer;
  throw new Error(`${outcome.failure.status}: ${outcome.failure.message}`);
}

function failureOf(outcome: Outcome) {
  if ('failure' in outcome) return outcome.failure;
  throw new Error(`it succeeded: ${JSON.stringify(outcome.answer)}`);
}
