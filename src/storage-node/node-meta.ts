import xxhash from 'xxhash-wasm';
import type { EngineWrite, StorageEngine } from '../ports/storage-engine.js';

/**
 * A node's own entries, behind every tenant's: tenant numbers end below the prefix. Each value is a format byte, a
 * checksum (xxHash32 of key and content, big-endian) and the content. Format 1 had no checksum, and is read still; a
 * folder written by a newer release is refused.
 */
const PREFIX = 0xffff_ffff;
const FORMAT = 2;
const FORMAT_WITHOUT_CHECKSUM = 1;
const CONTENT_AT = 5;

const { h32Raw } = await xxhash();

export interface NodeIdentity {
  readonly nodeId: string;
  /** Random, made with the data folder. */
  readonly storeId: string;
  /** Empty while the node belongs to no cluster. */
  readonly clusterId: string;
}

export interface NodeMeta {
  readonly identity: NodeIdentity | undefined;
  /** The greatest epoch that the node has seen; 0 before the first. */
  readonly fence: number;
  /** Microseconds; 0 before the first record. */
  readonly greatestTimestampUs: number;
  /** Records without tombstones, by tenant number. */
  readonly counts: ReadonlyMap<number, number>;
}

/** @throws Error when the folder was written by a newer release, or an entry is damaged */
export function readNodeMeta(engine: StorageEngine): NodeMeta {
  const identity = read(engine, metaKey('identity'));
  const counts = new Map<number, number>();
  for (const { key, value } of engine.range(metaKey('count/'), metaKey('count0'))) {
    counts.set(Buffer.from(key).readUInt32BE(key.length - 4), numberOf(key, value));
  }
  return {
    identity: identity === undefined ? undefined : identityOf(identity),
    fence: readNumber(engine, 'fence'),
    greatestTimestampUs: readNumber(engine, 'greatest'),
    counts,
  };
}

export function identityWrite(identity: NodeIdentity): EngineWrite {
  return write(metaKey('identity'), Buffer.from(JSON.stringify(identity)));
}

export function fenceWrite(epoch: number): EngineWrite {
  return write(metaKey('fence'), numberContent(epoch));
}

const GREATEST_KEY = metaKey('greatest');

export function greatestTimestampWrite(timestampUs: number): EngineWrite {
  return write(GREATEST_KEY, numberContent(timestampUs));
}

/** A count of zero needs no entry. */
export function countWrite(tenantNumber: number, count: number): EngineWrite {
  const suffix = Buffer.alloc(4);
  suffix.writeUInt32BE(tenantNumber);
  const key = Buffer.concat([metaKey('count/'), suffix]);
  return count === 0 ? { key, value: undefined } : write(key, numberContent(count));
}

/** Where the records end. */
export const RECORDS_END: Uint8Array = metaKey('');

export function metaKey(name: string): Buffer {
  const bytes = Buffer.alloc(4 + name.length);
  bytes.writeUInt32BE(PREFIX, 0);
  bytes.write(name, 4, 'latin1');
  return bytes;
}

function write(key: Buffer, content: Buffer): EngineWrite {
  const value = Buffer.allocUnsafe(CONTENT_AT + content.length);
  value[0] = FORMAT;
  value.writeUInt32BE(checksum(key, content), 1);
  value.set(content, CONTENT_AT);
  return { key, value };
}

function checksum(key: Uint8Array, content: Uint8Array): number {
  return h32Raw(content, h32Raw(key));
}

function numberContent(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

function numberOf(key: Uint8Array, value: Uint8Array): number {
  const content = contentOf(key, value);
  const number = content.length === 8 ? Buffer.from(content).readDoubleBE() : Number.NaN;
  if (!Number.isSafeInteger(number) || number < 0) throw damaged(key);
  return number;
}

function identityOf(content: Uint8Array): NodeIdentity {
  const identity = jsonOf(content) as Partial<NodeIdentity> | undefined;
  const { nodeId, storeId, clusterId } = identity ?? {};
  if (nodeId === undefined || storeId === undefined || clusterId === undefined) throw damaged(metaKey('identity'));
  return { nodeId, storeId, clusterId };
}

function jsonOf(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString()) ?? undefined;
  } catch {
    return undefined;
  }
}

function readNumber(engine: StorageEngine, name: string): number {
  const key = metaKey(name);
  const value = engine.get(key);
  return value === undefined ? 0 : numberOf(key, value);
}

function read(engine: StorageEngine, key: Uint8Array): Uint8Array | undefined {
  const value = engine.get(key);
  return value === undefined ? undefined : contentOf(key, value);
}

function contentOf(key: Uint8Array, value: Uint8Array): Uint8Array {
  switch (value[0]) {
    case FORMAT_WITHOUT_CHECKSUM:
      return value.subarray(1);
    case FORMAT: {
      const content = value.subarray(CONTENT_AT);
      const stored = value.length < CONTENT_AT ? -1 : Buffer.from(value).readUInt32BE(1);
      if (stored !== checksum(key, content)) throw damaged(key);
      return content;
    }
    default:
      if (value[0] === undefined || value[0] === 0) throw damaged(key);
      throw new Error(
        `the data folder has format ${value[0]}, this release reads up to ${FORMAT}: start a newer release`,
      );
  }
}

function damaged(key: Uint8Array): Error {
  const name = Buffer.from(key).toString('latin1', 4).split('/')[0];
  return new Error(
    `the data folder is damaged: its entry "${name}" fails its checksum, so what the node promised can't be known. ` +
      'Check the disk; then move the folder away and start on an empty one, as a replacement of this node',
  );
}
