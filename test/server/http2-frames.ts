/** What a client of HTTP/2 with prior knowledge sends first (RFC 9113, section 3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A frame, on the connection itself unless a stream is named (RFC 9113, section 4.1). */
export function frame(type: number, flags: number, payload: Buffer, streamId = 0): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

const OPAQUE = Buffer.from('one port');
const ACKNOWLEDGED = 0x1;

export const SETTINGS = frame(0x4, 0, Buffer.alloc(0));
export const PING = frame(0x6, 0, OPAQUE);
/** The answer that every HTTP/2 server owes to `PING`. */
export const PING_ACKNOWLEDGED = frame(0x6, ACKNOWLEDGED, OPAQUE);

/** Literal header fields without indexing (RFC 7541, section 6.2.2); names and values shorter than 127 bytes. */
export function fields(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  return Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}
