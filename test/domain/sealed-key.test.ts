import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IDEMPOTENCY_WINDOW_MS, writeFingerprint } from '../../src/domain/idempotency.js';
import {
  checkSealedKeyLength,
  isSealedKey,
  openSealedKey,
  SEALED_KEY_LENGTH_MAX,
  SEALED_KEY_PREFIX,
  type SealedWrite,
  sealWrite,
} from '../../src/domain/sealed-key.js';

const NOW = Date.UTC(2026, 10, 1);
const SECRET = Buffer.alloc(32, 7);
const SCOPE = { tenantId: 'demo', key: Buffer.from('key') };
const WRITE: SealedWrite = {
  fingerprint: writeFingerprint(Buffer.from('value')),
  dot: { actor: 'coordinator-1@42', timestamp: 2 ** 53 - 1 },
  level: 'all',
  replicaCount: 3,
  issuedAtMs: NOW,
};
const current = [{ secret: SECRET, retiredAtMs: undefined }];
const open = (
  key: string,
  {
    scope = SCOPE,
    secrets = current,
    nowMs = NOW,
  }: Partial<{ scope: typeof SCOPE; secrets: Parameters<typeof openSealedKey>[2]; nowMs: number }> = {},
) => openSealedKey(key, scope, secrets, nowMs);

describe('a sealed key', () => {
  const sealed = sealWrite(WRITE, SCOPE, SECRET);

  it('gives back what was sealed, from nothing but the secret', () => {
    expect(isSealedKey(sealed)).toBe(true);
    const opened = open(sealed);
    expect(opened.kind).toBe('valid');
    if (opened.kind !== 'valid') return;
    expect({ ...opened.write, fingerprint: Buffer.from(opened.write.fingerprint) }).toEqual({
      ...WRITE,
      fingerprint: Buffer.from(WRITE.fingerprint),
    });
  });

  it('is never as long as what is refused for its length', () => {
    const actor = `${'x'.repeat(64)}@${2 ** 31 - 1}`;
    const longest = sealWrite({ ...WRITE, dot: { ...WRITE.dot, actor } }, SCOPE, SECRET);
    expect(longest).toHaveLength(223);
    expect(() => checkSealedKeyLength(longest)).not.toThrow();
    const tooLong = SEALED_KEY_PREFIX.padEnd(SEALED_KEY_LENGTH_MAX + 1, 'A');
    expect(() => checkSealedKeyLength(tooLong.slice(0, -1))).not.toThrow();
    expect(() => checkSealedKeyLength(tooLong)).toThrow('idempotency_key has a reserved prefix, but is longer');
  });

  it("is valid for 24 h, and also when its coordinator's clock was ahead", () => {
    expect(open(sealed, { nowMs: NOW + IDEMPOTENCY_WINDOW_MS }).kind).toBe('valid');
    expect(open(sealed, { nowMs: NOW + IDEMPOTENCY_WINDOW_MS + 1 }).kind).toBe('expired');
    expect(open(sealed, { nowMs: NOW - 60_000 }).kind).toBe('valid');
    expect(open(sealed, { nowMs: NOW - 600_000 }).kind).toBe('valid');
  });

  it.each([
    ['tenant', { tenantId: 'demo2', key: SCOPE.key }],
    ['key', { tenantId: 'demo', key: Buffer.from('kez') }],
    ['split between tenant and key', { tenantId: 'demok', key: Buffer.from('ey') }],
  ])('is forged for another %s', (_what, scope) => expect(open(sealed, { scope }).kind).toBe('forged'));

  it('outlives a rotation by 24 h', () => {
    const next = { secret: Buffer.alloc(32, 8), retiredAtMs: undefined };
    const rotated = (retiredAtMs: number) => [next, { secret: SECRET, retiredAtMs }];
    expect(open(sealed, { secrets: rotated(NOW - 1000) }).kind).toBe('valid');
    expect(open(sealed, { secrets: rotated(NOW - IDEMPOTENCY_WINDOW_MS - 1) }).kind).toBe('expired');
    expect(open(sealed, { secrets: [next] }).kind).toBe('forged');
  });

  it('is forged when any of its bytes is another', () => {
    const bytes = Buffer.from(sealed.slice(SEALED_KEY_PREFIX.length), 'base64url');
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(open(SEALED_KEY_PREFIX + changed.toString('base64url')).kind).toBe('forged');
      }),
    );
  });

  it('is forged when it is cut, stretched, written otherwise or no base64 at all', () => {
    for (const length of [0, 1, 40, 81, 100])
      expect(open(sealed.slice(0, SEALED_KEY_PREFIX.length + length)).kind).toBe('forged');
    for (const tail of ['A', '=', '!', ' ', 'AAAA']) expect(open(sealed + tail).kind).toBe('forged');
    fc.assert(
      fc.property(
        fc.string({ maxLength: 300 }),
        (text) => void expect(open(SEALED_KEY_PREFIX + text).kind).toBe('forged'),
      ),
    );
  });
});
