import type { Token } from '../domain/token.js';

const TOKEN_AT = 4;
const KEY_AT = 12;
/** Tenant numbers from here up are the node's own entries: see `storage-node/node-meta.ts`. */
export const TENANT_NUMBER_MAX = 0xffff_fffe;

/** Where a node stores a key: tenant number (4 bytes), token (8), key; big-endian, so that a range is one scan. */
export interface StorageKey {
  readonly tenantNumber: number;
  readonly token: Token;
  /** UTF-8. */
  readonly key: Uint8Array;
}

export function encodeStorageKey({ tenantNumber, token, key }: StorageKey): Uint8Array {
  const bytes = Buffer.allocUnsafe(KEY_AT + key.length);
  bytes.writeUInt32BE(tenantNumber, 0);
  bytes.writeBigUInt64BE(token, TOKEN_AT);
  bytes.set(key, KEY_AT);
  return bytes;
}

/** Undefined for bytes that are no storage key. */
export function decodeStorageKey(bytes: Uint8Array): StorageKey | undefined {
  if (bytes.length <= KEY_AT) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const tenantNumber = view.readUInt32BE(0);
  if (tenantNumber > TENANT_NUMBER_MAX) return undefined;
  return { tenantNumber, token: view.readBigUInt64BE(TOKEN_AT), key: view.subarray(KEY_AT) };
}
