import { describe, expect, it } from 'vitest';
import type { QuorateError } from '../../src/domain/errors.js';
import {
  checkHost,
  checkId,
  checkIdempotencyKey,
  checkKey,
  checkLevel,
  checkPort,
  checkValue,
  checkVirtualNodes,
  checkZone,
  DEFAULT_LIMITS as L,
} from '../../src/domain/request-fields.js';

const GOOD: readonly (readonly [string, () => unknown, unknown])[] = [
  ['the longest id', () => checkId('tenant_id', 'x'.repeat(128), L), 'x'.repeat(128)],
  ['every character of an id', () => checkId('tenant_id', 'aZ0._-', L), 'aZ0._-'],
  ['a key with U+0000', () => checkKey('a\0b', L), Uint8Array.of(97, 0, 98)],
  ['a key of 1024 bytes', () => checkKey('é'.repeat(512), L).length, 1024],
  ['an empty value', () => checkValue(new Uint8Array(0), L).length, 0],
  ['a value of 1 MiB', () => checkValue(new Uint8Array(1_048_576), L).length, 1_048_576],
  ['no consistency', () => checkLevel(''), 'quorum'],
  ['consistency one', () => checkLevel('one'), 'one'],
  ['no idempotency key', () => checkIdempotencyKey('', L).length, 0],
  ['an idempotency key of 256 bytes', () => checkIdempotencyKey('k'.repeat(256), L).length, 256],
  ['an IPv6 host', () => checkHost('fe80::1'), 'fe80::1'],
  ['port 65535', () => checkPort(65_535), 65_535],
  ['no virtual nodes', () => checkVirtualNodes(0), 150],
  ['no zone', () => checkZone('', L), ''],
];

const BAD: readonly (readonly [string, () => unknown, string])[] = [
  ['an empty id', () => checkId('tenant_id', '', L), 'tenant_id must not be empty'],
  ['an id of 129', () => checkId('node_id', 'x'.repeat(129), L), 'node_id must be 1 to 128 characters'],
  ['a slash in an id', () => checkId('tenant_id', 'a/b', L), 'tenant_id must be 1 to 128 characters'],
  ['a line break behind an id', () => checkId('tenant_id', 'a\n', L), 'tenant_id must be 1 to 128 characters'],
  ['an empty key', () => checkKey('', L), 'key must not be empty'],
  [
    'a key of 1025 bytes',
    () => checkKey(`${'é'.repeat(512)}a`, L),
    'key must be at most 1024 bytes of UTF-8, but is 1025',
  ],
  ['half a surrogate pair', () => checkKey('a\ud800', L), 'key must be valid Unicode'],
  ['a value over 1 MiB', () => checkValue(new Uint8Array(1_048_577), L), 'value must be at most 1048576 bytes'],
  ['an unknown level', () => checkLevel('QUORUM'), 'consistency must be "one", "quorum" or "all"'],
  [
    'a long idempotency key',
    () => checkIdempotencyKey('k'.repeat(257), L),
    'idempotency_key must be at most 256 bytes',
  ],
  ['an empty host', () => checkHost(''), 'host must not be empty'],
  ['a URL for a host', () => checkHost('http://x/'), 'host must be a host name or an IP address'],
  ['port 0', () => checkPort(0), 'port must be 1 to 65535'],
  ['port 65536', () => checkPort(65_536), 'port must be 1 to 65535'],
  ['negative virtual nodes', () => checkVirtualNodes(-1), 'virtual_nodes must be 1 to 4096'],
  ['too many virtual nodes', () => checkVirtualNodes(4097), 'virtual_nodes must be 1 to 4096'],
  ['a zone with a space', () => checkZone('a b', L), 'zone must be 1 to 128 characters'],
];

describe('request fields', () => {
  it.each(GOOD)('take %s', (_what, check, expected) => expect(check()).toEqual(expected));

  it.each(BAD)('refuse %s, naming the field and the rule', (_what, check, message) => {
    let error: QuorateError | undefined;
    try {
      check();
    } catch (thrown) {
      error = thrown as QuorateError;
    }
    expect(error).toMatchObject({ kind: 'invalid_field', message: expect.stringContaining(message) });
    expect(message.startsWith(error?.metadata.field ?? '?')).toBe(true);
  });
});
