import { hash } from 'node:crypto';
import type { Clock, Dot } from './clock.js';
import type { Level } from './level.js';

/** How long a client's idempotency key and a sealed key are remembered. */
export const IDEMPOTENCY_WINDOW_MS = 24 * 60 * 60 * 1000;

/** One keyed write: the scope within which an idempotency key runs once. */
export interface IdempotencyScope {
  readonly tenantNumber: number;
  /** The key's UTF-8. */
  readonly key: Uint8Array;
  /** The idempotency key's UTF-8. */
  readonly idempotencyKey: Uint8Array;
}

/** What the first run answered; a duplicate gets it whole. */
export interface WriteAnswer {
  readonly clock: Clock;
  readonly replicaCount: number;
  readonly level: Level;
}

/** What is known of a scope: its fingerprint and dot never change while the row lives. */
export interface IdempotencyRecord {
  readonly fingerprint: Uint8Array;
  readonly dot: Dot;
  readonly state:
    | { readonly kind: 'answered'; readonly answer: WriteAnswer }
    /** Somebody holds the lease and is expected to answer. */
    | { readonly kind: 'running' }
    /** The owner's lease is over, or it gave the row up after an unknown outcome: anybody may take over. */
    | { readonly kind: 'free' };
}

const FINGERPRINT_DOMAIN = Buffer.from('quorate write 1\n');

/** SHA-256 over what changes the effect of a write: its value, not its level. */
export function writeFingerprint(value: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([FINGERPRINT_DOMAIN, value]), 'buffer');
}

export function sameFingerprint(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
