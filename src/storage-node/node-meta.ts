import type { EngineWrite, StorageEngine } from '../ports/storage-engine.js';

/**
 * A node's own entries, behind every tenant's: tenant numbers end below the prefix. Each value begins with a version
 * byte; a folder written by a newer release is refused.
 */
const PREFIX = 0xffff_ffff;
const VERSION = 1;

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

/** @throws Error when the folder was written by a newer release */
export function readNodeMeta(engine: StorageEngine): NodeMeta {
  const identity = read(engine, metaKey('identity'));
  const counts = new Map<number, number>();
  for (const { key, value } of engine.range(metaKey('count/'), metaKey('count0'))) {
    counts.set(Buffer.from(key).readUInt32BE(key.length - 4), numberOf(value));
  }
  return {
    identity: identity === undefined ? undefined : (JSON.parse(Buffer.from(identity).toString()) as NodeIdentity),
    fence: readNumber(engine, 'fence'),
    greatestTimestampUs: readNumber(engine, 'greatest'),
    counts,
  };
}

export function identityWrite(identity: NodeIdentity): EngineWrite {
  return { key: metaKey('identity'), value: versioned(Buffer.from(JSON.stringify(identity))) };
}

export function fenceWrite(epoch: number): EngineWrite {
  return { key: metaKey('fence'), value: numberValue(epoch) };
}

const GREATEST_KEY = metaKey('greatest');

export function greatestTimestampWrite(timestampUs: number): EngineWrite {
  return { key: GREATEST_KEY, value: numberValue(timestampUs) };
}

/** A count of zero needs no entry. */
export function countWrite(tenantNumber: number, count: number): EngineWrite {
  const suffix = Buffer.alloc(4);
  suffix.writeUInt32BE(tenantNumber);
  return { key: Buffer.concat([metaKey('count/'), suffix]), value: count === 0 ? undefined : numberValue(count) };
}

/** Where the records end. */
export const RECORDS_END: Uint8Array = metaKey('');

export function metaKey(name: string): Buffer {
  const bytes = Buffer.alloc(4 + name.length);
  bytes.writeUInt32BE(PREFIX, 0);
  bytes.write(name, 4, 'latin1');
  return bytes;
}

function versioned(content: Buffer): Buffer {
  return Buffer.concat([Buffer.of(VERSION), content]);
}

function numberValue(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = VERSION;
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function numberOf(value: Uint8Array): number {
  return Buffer.from(unversioned(value)).readDoubleBE();
}

function readNumber(engine: StorageEngine, name: string): number {
  const value = engine.get(metaKey(name));
  return value === undefined ? 0 : numberOf(value);
}

function read(engine: StorageEngine, key: Uint8Array): Uint8Array | undefined {
  const value = engine.get(key);
  return value === undefined ? undefined : unversioned(value);
}

function unversioned(value: Uint8Array): Uint8Array {
  if (value[0] !== VERSION) {
    throw new Error(`the data folder has format ${value[0]}, this release reads ${VERSION}: start a newer release`);
  }
  return value.subarray(1);
}
