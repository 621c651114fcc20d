import { fromBinary, toBinary } from '@bufbuild/protobuf';
import xxhash from 'xxhash-wasm';
import { type Topology, TopologySchema } from '../gen/storage/v1/storage_pb.js';
import type { EngineWrite, StorageEngine } from '../ports/storage-engine.js';
import { topologyOf } from '../wire/topology-message.js';
import { metaKey } from './node-meta.js';

/**
 * The topology that a node keeps beside its fence, committed with it, for coordinators that missed the epoch: format
 * byte, checksum (xxHash32 of all that follows, big-endian), the message.
 */
const FORMAT = 1;
const MESSAGE_AT = 5;
const KEY = metaKey('topology');

const { h32Raw } = await xxhash();

/** Undefined when there is none, or none that can be trusted: the next coordinator that connects tells it anew. */
export function readTopology(engine: StorageEngine): Topology | undefined {
  const value = engine.get(KEY);
  if (value === undefined || value.length < MESSAGE_AT || value[0] !== FORMAT) return undefined;
  const view = Buffer.from(value);
  const message = view.subarray(MESSAGE_AT);
  return view.readUInt32BE(1) === h32Raw(message) ? fromBinary(TopologySchema, message) : undefined;
}

export function topologyWrite(topology: Topology): EngineWrite {
  const message = toBinary(TopologySchema, topology);
  const value = Buffer.allocUnsafe(MESSAGE_AT + message.length);
  value[0] = FORMAT;
  value.writeUInt32BE(h32Raw(message), 1);
  value.set(message, MESSAGE_AT);
  return { key: KEY, value };
}

/** Whether what a node was told is worth keeping in the place of what it has: it is newer, or lacks no addresses. */
export function isBetter(told: Topology, kept: Topology | undefined): boolean {
  if (kept === undefined || told.epoch > kept.epoch) return true;
  return told.epoch === kept.epoch && topologyOf(kept) === undefined && topologyOf(told) !== undefined;
}
