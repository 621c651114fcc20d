const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;
const PERCENT = 0x25;

/**
 * Spells `grpc-message` as gRPC asks: bytes of printable ASCII as they are, but for "%". Connect escapes more of them,
 * which grpc-js does not undo (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses).
 */
export function spellGrpcMessage(trailer: Headers): void {
  const escaped = trailer.get('grpc-message');
  if (escaped === null) return;
  let spelt = '';
  for (const byte of Buffer.from(decodeURIComponent(escaped))) {
    const isPlain = byte >= FIRST_PRINTABLE && byte <= LAST_PRINTABLE && byte !== PERCENT;
    spelt += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  trailer.set('grpc-message', spelt);
}
