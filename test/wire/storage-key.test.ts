import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeStorageKey, encodeStorageKey, TENANT_NUMBER_MAX } from '../../src/wire/storage-key.js';

const storageKey = fc.record({
  tenantNumber: fc.integer({ min: 0, max: TENANT_NUMBER_MAX }),
  token: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  key: fc.uint8Array({ minLength: 1, maxLength: 40 }),
});

it('gives back every storage key', () => {
  fc.assert(
    fc.property(storageKey, (given) => {
      const decoded = decodeStorageKey(encodeStorageKey(given));
      expect(decoded).toEqual({ ...given, key: Buffer.from(given.key) });
    }),
  );
});

it('sorts as bytes by tenant, then token, then key, so that a range of a tenant is one scan', () => {
  fc.assert(
    fc.property(storageKey, storageKey, (a, b) => {
      const order =
        Math.sign(a.tenantNumber - b.tenantNumber) ||
        (a.token < b.token ? -1 : a.token > b.token ? 1 : Buffer.compare(a.key, b.key));
      expect(Math.sign(Buffer.compare(encodeStorageKey(a), encodeStorageKey(b)))).toBe(order);
    }),
  );
});

it('refuses bytes that hold no key', () => {
  for (const length of [0, 4, 12]) expect(decodeStorageKey(new Uint8Array(length))).toBeUndefined();
});
