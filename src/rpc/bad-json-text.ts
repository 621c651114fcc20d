import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { Code, ConnectError } from '@connectrpc/connect';

const ENVELOPE_BYTES = 5;
const COMPRESSED_FLAG = 1;
const REPLACEMENT = '\ufffd';

/**
 * JSON whose bytes are no UTF-8 would be decoded with U+FFFD in place of what is wrong, and stored so.
 * @param headers of the request
 * @param bytesMax of a decompressed message; more is refused elsewhere
 * @throws ConnectError invalid_argument that names the field
 */
export function checkJsonText(body: Uint8Array, headers: Headers, bytesMax: number): void {
  for (const message of messagesOf(body, headers, bytesMax)) {
    if (!isUtf8(message)) {
      throw new ConnectError(`${badField(message) ?? 'the body'} must be valid UTF-8`, Code.InvalidArgument);
    }
    checkBase64(message);
  }
}

/**
 * Base64 with padding inside or in excess would be decoded up to there, and stored so.
 * @throws ConnectError invalid_argument
 */
function checkBase64(message: Uint8Array): void {
  const text = Buffer.from(message.buffer, message.byteOffset, message.length).toString();
  // Within a string a quotation mark stands behind a backslash, so this is the name of a field.
  const value = /"value"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  if (value === undefined || isBase64(value.includes('\\') ? String(JSON.parse(`"${value}"`)) : value)) return;
  throw new ConnectError('value must be base64', Code.InvalidArgument);
}

/** RFC 4648, in either alphabet, with its padding or without any. */
function isBase64(text: string): boolean {
  const padding = /={0,2}$/.exec(text)?.[0].length ?? 0;
  const length = text.length - padding;
  if (length % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return false;
  return !/[^A-Za-z0-9+/_-]/.test(padding === 0 ? text : text.slice(0, length));
}

function* messagesOf(body: Uint8Array, headers: Headers, bytesMax: number): Generator<Uint8Array> {
  if (!(headers.get('content-type') ?? '').startsWith('application/grpc')) {
    yield headers.get('content-encoding') === 'gzip' ? inflated(body, bytesMax) : body;
    return;
  }
  const isCompressed = headers.get('grpc-encoding') === 'gzip';
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  for (let at = 0; at + ENVELOPE_BYTES <= body.length; ) {
    const flags = view.getUint8(at);
    const end = at + ENVELOPE_BYTES + view.getUint32(at + 1);
    const message = body.subarray(at + ENVELOPE_BYTES, end);
    yield isCompressed && (flags & COMPRESSED_FLAG) !== 0 ? inflated(message, bytesMax) : message;
    at = end;
  }
}

/** Empty for what can't be inflated: the protocol layer says what is wrong with it. */
function inflated(bytes: Uint8Array, maxOutputLength: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength });
  } catch {
    return new Uint8Array(0);
  }
}

function badField(message: Uint8Array): string | undefined {
  try {
    const fields: unknown = JSON.parse(Buffer.from(message).toString());
    return Object.entries(fields as object).find(([, value]) => String(value).includes(REPLACEMENT))?.[0];
  } catch {
    return undefined;
  }
}
