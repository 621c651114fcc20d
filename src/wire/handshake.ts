import { createHmac, timingSafeEqual } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { type Hello, HelloSchema, type Welcome, WelcomeSchema } from '../gen/storage/v1/storage_pb.js';

/** The stream protocol's versions that this release speaks. */
export const PROTOCOL_MIN = 1;
export const PROTOCOL_MAX = 1;

export const NONCE_BYTES = 32;

/** Who proves that it knows the cluster secret; bound into the proof, so that one side's can't be played back as the other's. */
export type HandshakeRole = 'node' | 'coordinator';

/** HMAC-SHA-256 under the cluster secret over the role and both greetings, which hold a fresh nonce of each side. */
export function handshakeProof(secret: Uint8Array, role: HandshakeRole, hello: Hello, welcome: Welcome): Uint8Array {
  const greeting = toBinary(HelloSchema, hello);
  const answer = toBinary(WelcomeSchema, create(WelcomeSchema, { ...welcome, proof: new Uint8Array(0) }));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(greeting.length, 0);
  lengths.writeUInt32BE(answer.length, 4);
  const hmac = createHmac('sha256', secret).update(`quorate handshake 1 ${role}\n`);
  return hmac.update(lengths).update(greeting).update(answer).digest();
}

/** In constant time; a proof of another length is wrong. */
export function isProof(given: Uint8Array, expected: Uint8Array): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** The highest protocol version that both sides speak; undefined when there is none. */
export function commonProtocol(min: number, max: number): number | undefined {
  const highest = Math.min(max, PROTOCOL_MAX);
  return highest >= Math.max(min, PROTOCOL_MIN) ? highest : undefined;
}
