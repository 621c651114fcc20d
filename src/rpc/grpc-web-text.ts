import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';

const TEXT = 'application/grpc-web-text';
const BINARY = 'application/grpc-web';
/** Four characters of base64 are three bytes. */
const GROUP = 4;
const GROUP_BYTES = 3;
/** Each ends with its padding. */
const SEGMENTS = /[^=]+={0,2}|={1,2}/g;
const WHOLE_SEGMENT = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Serves gRPC-Web in base64 as well, as Google's client sends it in the mode that its documentation begins with. Each part of the
 * answer is encoded by itself, which that client takes.
 */
export function withGrpcWebText(handler: UniversalHandler): UniversalHandler {
  const served = async (request: Parameters<UniversalHandler>[0]) => {
    const type = request.header.get('content-type') ?? '';
    if (!type.startsWith(TEXT)) return handler(request);
    request.header.set('content-type', BINARY + type.slice(TEXT.length));
    const response = await handler({ ...request, body: decoded(request.body as AsyncIterable<Uint8Array>) });
    const header = new Headers(response.header);
    const answered = header.get('content-type') ?? '';
    if (!answered.startsWith(BINARY)) return response;
    header.set('content-type', TEXT + answered.slice(BINARY.length));
    return { ...response, header, body: response.body && encoded(response.body) };
  };
  return Object.assign(served, handler);
}

/** Padding may stand wherever a sender ended a part. */
async function* decoded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = '';
  for await (const part of body) {
    const text = rest + Buffer.from(part).toString('latin1');
    const whole = text.length - (text.length % GROUP);
    rest = text.slice(whole);
    if (whole > 0) yield bytesOf(text.slice(0, whole));
  }
  if (rest !== '') throw malformed();
}

/** In one part, however many segments there are: whoever puts parts together copies what is there for each. */
function bytesOf(text: string): Uint8Array {
  const bytes = Buffer.alloc((text.length / GROUP) * GROUP_BYTES);
  let length = 0;
  for (const [segment] of text.matchAll(SEGMENTS)) {
    if (!WHOLE_SEGMENT.test(segment)) throw malformed();
    length += bytes.write(segment, length, 'base64');
  }
  return bytes.subarray(0, length);
}

function malformed(): ConnectError {
  return new ConnectError('the body of application/grpc-web-text is no base64', Code.InvalidArgument);
}

async function* encoded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const part of body) yield Buffer.from(Buffer.from(part).toString('base64'), 'latin1');
}
