import xxhash from 'xxhash-wasm';

/**
 * A position on the ring: an unsigned 64-bit integer. Placement must be the same in every process and year, so the
 * hash (xxHash64, seed 0) and the encodings below are fixed; golden values are in the tests.
 */
export type Token = bigint;

// Instantiating the module's embedded WebAssembly reads nothing from outside.
const { h64Raw } = await xxhash();
const encoder = new TextEncoder();

const KEY_DOMAIN = 0x6b; // 'k'
const NODE_DOMAIN = 0x6e; // 'n'

/** The token of a tenant's key: hash of 'k', the tenant id's byte length (u16, big-endian), tenant id, key. */
export function keyToken(tenantId: string, key: Uint8Array): Token {
  return h64Raw(encode(KEY_DOMAIN, tenantId, key));
}

/** The token of a node's i-th virtual node: hash of 'n', the node id's byte length (u16), node id, i (u32, big-endian). */
export function virtualNodeToken(nodeId: string, index: number): Token {
  return virtualNodeHash(nodeId)(index);
}

/** The tokens of one node, whose id is encoded once for all of them. */
export function virtualNodeHash(nodeId: string): (index: number) => Token {
  const encoded = encode(NODE_DOMAIN, nodeId, new Uint8Array(4));
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
  return (index) => {
    view.setUint32(encoded.length - 4, index);
    return h64Raw(encoded);
  };
}

function encode(domain: number, id: string, suffix: Uint8Array): Uint8Array {
  // UTF-8 takes at most three bytes for a UTF-16 code unit.
  const buffer = new Uint8Array(3 + id.length * 3 + suffix.length);
  const { written } = encoder.encodeInto(id, buffer.subarray(3));
  buffer[0] = domain;
  buffer[1] = written >>> 8;
  buffer[2] = written & 0xff;
  buffer.set(suffix, 3 + written);
  return buffer.subarray(0, 3 + written + suffix.length);
}
