import type { Socket } from 'node:net';

/** What the first bytes of a connection say. */
export type SniffedProtocol = 'http1' | 'http2' | 'tls' | 'silent';

const PREFACE = Buffer.from('PRI * HTTP/2.0');
const TLS_HANDSHAKE = 0x16;

/**
 * Reads a connection's first bytes, as few as tell its protocol (RFC 9113, section 3.4), and puts them back.
 * `silent` when it says nothing that tells within `timeoutMs`, or ends before.
 */
export function sniffProtocol(socket: Socket, timeoutMs: number): Promise<SniffedProtocol> {
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const decide = (protocol: SniffedProtocol) => {
      clearTimeout(timer);
      socket.off('data', look).off('end', hangUp).off('close', hangUp);
      socket.pause();
      if (seen.length > 0) socket.unshift(seen);
      resolve(protocol);
    };
    const hangUp = () => decide('silent');
    const look = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      const protocol = protocolOf(seen);
      if (protocol !== undefined) decide(protocol);
    };
    const timer = setTimeout(hangUp, timeoutMs);
    socket.on('data', look).on('end', hangUp).on('close', hangUp);
  });
}

/** Undefined while the bytes may still become either. */
export function protocolOf(bytes: Uint8Array): Exclude<SniffedProtocol, 'silent'> | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] === TLS_HANDSHAKE) return 'tls';
  const compared = Math.min(bytes.length, PREFACE.length);
  if (!PREFACE.subarray(0, compared).equals(bytes.subarray(0, compared))) return 'http1';
  return compared === PREFACE.length ? 'http2' : undefined;
}
