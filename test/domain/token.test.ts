import { expect, it } from 'vitest';
import { keyToken, virtualNodeToken } from '../../src/domain/token.js';

/** Computed by another implementation of xxHash64 (Python's xxhash) over the documented encodings. */
const KEY_TOKENS = [
  ['demo', 'greeting', 0x15a8edaed729848n],
  ['demo', '', 0xb2c46993ae2c2141n],
  ['a', 'bc', 0xee5b95d4b2a01ae0n],
  ['ab', 'c', 0xbba2be6c194ee38cn],
  ['tenänt', 'ключ', 0xc6d7ad8569db8ee2n],
  ['demo', '\0', 0x8a6e68b5bcdd9843n],
] as const;
const NODE_TOKENS = [
  ['node-1', 0, 0xcbe58e7fbda8cdf7n],
  ['node-1', 149, 0x5011276163892ca4n],
  ['node-2', 0, 0x57391107dc882506n],
  ['n', 4_294_967_295, 0x1c0713e4855da453n],
] as const;

it.each(KEY_TOKENS)('gives key %j/%j the same token in every process and year', (tenantId, key, token) => {
  expect(keyToken(tenantId, Buffer.from(key))).toBe(token);
});

it.each(NODE_TOKENS)('gives virtual node %s/%d the same token in every process and year', (nodeId, index, token) => {
  expect(virtualNodeToken(nodeId, index)).toBe(token);
});
