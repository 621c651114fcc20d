import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Dot } from './clock.js';
import { invalidField } from './errors.js';
import { IDEMPOTENCY_WINDOW_MS } from './idempotency.js';
import { LEVELS, type Level } from './level.js';

/**
 * An idempotency key that the server issued after a successful write, and that is its own proof: what it needs to
 * answer the same request again is inside, under an HMAC. Outside the length limit of clients' keys.
 */
export interface SealedWrite {
  readonly fingerprint: Uint8Array;
  readonly dot: Dot;
  readonly level: Level;
  readonly replicaCount: number;
  /** Unix milliseconds by the clock of the coordinator that issued it. */
  readonly issuedAtMs: number;
}

/** The request fields that a sealed key is bound to. */
export interface SealedScope {
  readonly tenantId: string;
  /** UTF-8. */
  readonly key: Uint8Array;
}

export interface SealingSecret {
  readonly secret: Uint8Array;
  /** Unix milliseconds; undefined while it is the current one. A retired secret stays valid for 24 h. */
  readonly retiredAtMs: number | undefined;
}

/** Clients' own keys must not begin so. */
export const SEALED_KEY_PREFIX = 'quorate.sealed.';

/** Characters. This release issues 223 at most; the rest is room for a later format. A longer key is no work for anybody. */
export const SEALED_KEY_LENGTH_MAX = 512;

const VERSION = 1;
const FINGERPRINT_AT = 17;
const ACTOR_AT = FINGERPRINT_AT + 32;
const MAC_BYTES = 32;

export function isSealedKey(idempotencyKey: string): boolean {
  return idempotencyKey.startsWith(SEALED_KEY_PREFIX);
}

/** Comes before any decoding. @throws QuorateError invalid_field */
export function checkSealedKeyLength(idempotencyKey: string): void {
  if (idempotencyKey.length > SEALED_KEY_LENGTH_MAX) {
    throw invalidField(
      'idempotency_key',
      `has a reserved prefix, but is longer than the ${SEALED_KEY_LENGTH_MAX} characters that an issued one has at most`,
    );
  }
}

/** Layout: version, issue time (u48), level, count, timestamp (u64), fingerprint (32), actor, MAC (32); big-endian. */
export function sealWrite(write: SealedWrite, scope: SealedScope, secret: Uint8Array): string {
  const actor = Buffer.from(write.dot.actor);
  const payload = Buffer.alloc(ACTOR_AT + actor.length);
  payload.writeUInt8(VERSION, 0);
  payload.writeUIntBE(write.issuedAtMs, 1, 6);
  payload.writeUInt8(LEVELS.indexOf(write.level), 7);
  payload.writeUInt8(write.replicaCount, 8);
  payload.writeUInt32BE(Math.floor(write.dot.timestamp / 2 ** 32), 9);
  payload.writeUInt32BE(write.dot.timestamp % 2 ** 32, 13);
  payload.set(write.fingerprint, FINGERPRINT_AT);
  payload.set(actor, ACTOR_AT);
  return SEALED_KEY_PREFIX + Buffer.concat([payload, mac(payload, scope, secret)]).toString('base64url');
}

export type OpenedKey =
  | { readonly kind: 'valid'; readonly write: SealedWrite }
  | { readonly kind: 'forged' }
  | { readonly kind: 'expired' };

/** Verifies a sealed key without any store. One from the future was issued by a coordinator whose clock was ahead. */
export function openSealedKey(
  idempotencyKey: string,
  scope: SealedScope,
  secrets: readonly SealingSecret[],
  nowMs: number,
): OpenedKey {
  const text = idempotencyKey.slice(SEALED_KEY_PREFIX.length);
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length <= ACTOR_AT + MAC_BYTES || bytes.toString('base64url') !== text) return { kind: 'forged' };
  const payload = bytes.subarray(0, -MAC_BYTES);
  const seal = bytes.subarray(-MAC_BYTES);
  const signer = secrets.find(({ secret }) => timingSafeEqual(mac(payload, scope, secret), seal));
  if (signer === undefined) return { kind: 'forged' };
  const level = LEVELS[payload.readUInt8(7)];
  const issuedAtMs = payload.readUIntBE(1, 6);
  if (payload.readUInt8(0) !== VERSION || level === undefined) return { kind: 'forged' };
  if (isOver(issuedAtMs, nowMs) || (signer.retiredAtMs !== undefined && isOver(signer.retiredAtMs, nowMs))) {
    return { kind: 'expired' };
  }
  const timestamp = payload.readUInt32BE(9) * 2 ** 32 + payload.readUInt32BE(13);
  const write: SealedWrite = {
    fingerprint: payload.subarray(FINGERPRINT_AT, ACTOR_AT),
    dot: { actor: payload.toString('utf8', ACTOR_AT), timestamp },
    level,
    replicaCount: payload.readUInt8(8),
    issuedAtMs,
  };
  return { kind: 'valid', write };
}

function isOver(sinceMs: number, nowMs: number): boolean {
  return nowMs - sinceMs > IDEMPOTENCY_WINDOW_MS;
}

function mac(payload: Buffer, { tenantId, key }: SealedScope, secret: Uint8Array): Buffer {
  const tenant = Buffer.from(tenantId);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(tenant.length, 0);
  lengths.writeUInt32BE(key.length, 4);
  const hmac = createHmac('sha256', secret).update('quorate sealed key\n');
  return hmac.update(lengths).update(tenant).update(key).update(payload).digest();
}
