import { invalidField } from './errors.js';
import { isLevel, type Level } from './level.js';

/** Limits of request fields. Each is a setting of the coordinator; these are the defaults. */
export interface FieldLimits {
  readonly idLengthMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly idempotencyKeyBytesMax: number;
}

export const DEFAULT_LIMITS: FieldLimits = {
  idLengthMax: 128,
  keyBytesMax: 1024,
  valueBytesMax: 1024 * 1024,
  idempotencyKeyBytesMax: 256,
};

export const REPLICATION_FACTOR_MAX = 10;
export const REPLICATION_FACTOR_DEFAULT = 3;
export const VIRTUAL_NODES_MAX = 4096;
export const VIRTUAL_NODES_DEFAULT = 150;

const ID_PATTERN = /^[A-Za-z0-9._-]+$/;
const HOST_PATTERN = /^[A-Za-z0-9._:-]+$/;
const LONE_SURROGATE = /\p{Surrogate}/u;
const encoder = new TextEncoder();

/** A tenant or node id: 1 to `idLengthMax` of `A-Za-z0-9._-`. */
export function checkId(field: string, id: string, limits: FieldLimits): string {
  if (id.length === 0) throw invalidField(field, 'must not be empty');
  if (id.length > limits.idLengthMax || !ID_PATTERN.test(id)) {
    throw invalidField(field, `must be 1 to ${limits.idLengthMax} characters of A-Z, a-z, 0-9, ".", "_" and "-"`);
  }
  return id;
}

/** A key as UTF-8: 1 to `keyBytesMax` bytes; any character may occur, also U+0000. */
export function checkKey(key: string, limits: FieldLimits): Uint8Array {
  if (key.length === 0) throw invalidField('key', 'must not be empty');
  return checkText('key', key, limits.keyBytesMax);
}

export function checkValue(value: Uint8Array, limits: FieldLimits): Uint8Array {
  if (value.length > limits.valueBytesMax) {
    throw invalidField('value', `must be at most ${limits.valueBytesMax} bytes, but is ${value.length}`);
  }
  return value;
}

/** "" means "quorum". */
export function checkLevel(consistency: string): Level {
  if (consistency === '') return 'quorum';
  if (!isLevel(consistency))
    throw invalidField('consistency', 'must be "one", "quorum" or "all"; empty means "quorum"');
  return consistency;
}

/** A client's own idempotency key, not empty, as UTF-8. */
export function checkIdempotencyKey(idempotencyKey: string, limits: FieldLimits): Uint8Array {
  return checkText('idempotency_key', idempotencyKey, limits.idempotencyKeyBytesMax);
}

/** An address's host: a name, IPv4 or IPv6 address without brackets. */
export function checkHost(host: string): string {
  if (host.length === 0) throw invalidField('host', 'must not be empty');
  if (host.length > 255 || !HOST_PATTERN.test(host)) throw invalidField('host', 'must be a host name or an IP address');
  return host;
}

export function checkPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalidField('port', 'must be 1 to 65535');
  return port;
}

/** 0 means the default. */
export function checkVirtualNodes(virtualNodes: number): number {
  if (virtualNodes === 0) return VIRTUAL_NODES_DEFAULT;
  if (!Number.isInteger(virtualNodes) || virtualNodes < 1 || virtualNodes > VIRTUAL_NODES_MAX) {
    throw invalidField('virtual_nodes', `must be 1 to ${VIRTUAL_NODES_MAX}; 0 means ${VIRTUAL_NODES_DEFAULT}`);
  }
  return virtualNodes;
}

/** Empty, or like an id. */
export function checkZone(zone: string, limits: FieldLimits): string {
  return zone === '' ? zone : checkId('zone', zone, limits);
}

function checkText(field: string, text: string, bytesMax: number): Uint8Array {
  if (LONE_SURROGATE.test(text)) throw invalidField(field, 'must be valid Unicode, but holds half a surrogate pair');
  const bytes = encoder.encode(text);
  if (bytes.length > bytesMax) {
    throw invalidField(field, `must be at most ${bytesMax} bytes of UTF-8, but is ${bytes.length}`);
  }
  return bytes;
}
