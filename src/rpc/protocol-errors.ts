import { gunzipSync } from 'node:zlib';
import { create, type DescMethod, type Message, toBinary, toJsonString } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { createAsyncIterable, encodeEnvelope, readAllBytes, type UniversalHandler } from '@connectrpc/connect/protocol';
import { codeToHttpStatus, errorFromJsonBytes, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { trailerFlag, trailerParse, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import { checkJsonText } from './bad-json-text.js';
import { badTextField } from './bad-text.js';
import type { CallParts, ErrorMode } from './call.js';
import { CLIENT_GONE } from './client-gone.js';
import { ERROR_CODE_HEADER, ERRORS_HEADER } from './error-headers.js';
import { connectErrorOf, type Failure } from './failure.js';
import { spellGrpcMessage } from './grpc-message.js';
import { asClientError, badTextFailure, protocolFailure } from './protocol-failure.js';
import { capTimeout } from './timeout-cap.js';

type Request = Parameters<UniversalHandler>[0];
type Response = Awaited<ReturnType<UniversalHandler>>;
type Parts = Pick<CallParts, 'errors' | 'log' | 'random' | 'requestTimeoutMaxMs'> & {
  readonly messageBytesMax: number;
};

const BAD_QUERY = new ConnectError(
  'the query parameter "message" must hold the request as "encoding", "base64" and "compression" say',
  Code.InvalidArgument,
);
const JSON_OPTIONS = { alwaysEmitImplicit: true };
const ENVELOPE_BYTES = 5;
/** An error's body is short; more is not looked at. */
const ERROR_BYTES_MAX = 1024 * 1024;
const SERVED_TYPES = 'application/json, application/proto, application/grpc or application/grpc-web';

/**
 * Errors that the protocol layer raises itself (malformed or too large bodies, unknown codecs and compressions, bad
 * timeouts) get the details, the header and the mode of every other failing call. They are raised before interceptors run,
 * so the finished answer is mended.
 */
export function withProtocolErrors(handler: UniversalHandler, parts: Parts): UniversalHandler {
  const mended = async (request: Request): Promise<Response> => {
    const type = request.header.get('content-type') ?? '';
    // A little more than the services grant, so that theirs is the deadline that ends a request.
    capTimeout(request.header, parts.requestTimeoutMaxMs + 1000);
    const seen: Uint8Array[] = [];
    const check = (bytes: Uint8Array) => {
      if (type.includes('json')) checkJsonText(bytes, request.header, parts.messageBytesMax);
    };
    const body = seenThrough(request.body, seen, check);
    const mending = new Mending(handler.method, parts, request, () => messageBytes(seen, type));
    const response = await handler({ ...request, body });
    if (type.startsWith('application/grpc-web')) return { ...response, body: mending.grpcWebBody(response.body) };
    if (type.startsWith('application/grpc') && response.trailer !== undefined) {
      return { ...response, body: mending.grpcBody(response.body, response.trailer) };
    }
    return mending.connectResponse(response);
  };
  return Object.assign(mended, handler);
}

class Mending {
  readonly #method: DescMethod;
  readonly #parts: Parts;
  readonly #request: Request;
  readonly #message: () => Uint8Array;

  constructor(method: DescMethod, parts: Parts, request: Request, message: () => Uint8Array) {
    this.#method = method;
    this.#parts = parts;
    this.#request = request;
    this.#message = message;
  }

  async connectResponse(response: Response): Promise<Response> {
    if (response.status === 200 || response.header?.has(ERROR_CODE_HEADER)) return response;
    const error = await this.#connectError(response);
    const failure = this.#failureOf(error);
    const header = new Headers(response.header);
    for (const name of ['content-length', 'content-encoding']) header.delete(name);
    header.set(ERROR_CODE_HEADER, failure.code);
    header.set('content-type', 'application/json');
    if (this.#mode === 'inline') {
      const [type, bytes] = this.#encoded(this.#answer(failure));
      header.set('content-type', type);
      return { status: 200, header, body: createAsyncIterable([bytes]) };
    }
    const bare = [405, 415].includes(response.status);
    return {
      status: bare ? response.status : codeToHttpStatus(failure.status),
      header,
      body: createAsyncIterable([errorToJsonBytes(this.#errorOf(failure), JSON_OPTIONS)]),
    };
  }

  async *grpcBody(body: Response['body'], trailer: Headers): AsyncGenerator<Uint8Array> {
    if (body !== undefined) yield* body;
    yield* this.#mendTrailer(trailer);
    spellGrpcMessage(trailer);
  }

  async *grpcWebBody(body: Response['body']): AsyncGenerator<Uint8Array> {
    for await (const envelope of body ?? []) {
      if (envelope[0] !== trailerFlag) {
        yield envelope;
        continue;
      }
      const trailer = trailerParse(envelope.subarray(ENVELOPE_BYTES));
      yield* this.#mendTrailer(trailer);
      spellGrpcMessage(trailer);
      yield encodeEnvelope(trailerFlag, trailerSerialize(trailer));
    }
  }

  /** Rewrites the trailer of a foreign error; in inline mode the response comes before it. */
  *#mendTrailer(trailer: Headers): Generator<Uint8Array> {
    const error = findTrailerError(trailer);
    if (error === undefined || trailer.has(ERROR_CODE_HEADER)) return;
    const failure = this.#failureOf(error);
    for (const name of ['grpc-status', 'grpc-message', 'grpc-status-details-bin']) trailer.delete(name);
    if (this.#mode === 'inline') {
      trailer.set('grpc-status', '0');
      trailer.set(ERROR_CODE_HEADER, failure.code);
      yield encodeEnvelope(0, this.#encoded(this.#answer(failure))[1]);
    } else setTrailerStatus(trailer, this.#errorOf(failure));
  }

  get #mode(): ErrorMode {
    const chosen = this.#request.header.get(ERRORS_HEADER);
    return chosen === 'inline' || chosen === 'status' ? chosen : this.#parts.errors;
  }

  async #connectError({ status, body }: Response): Promise<ConnectError> {
    const type = this.#request.header.get('content-type') ?? '';
    const unexplained = new ConnectError(`HTTP status ${status}`, Code.Unknown);
    if (status === 415)
      return new ConnectError(
        `content-type ${JSON.stringify(type)} is not served; use ${SERVED_TYPES}`,
        Code.InvalidArgument,
      );
    if (status === 405)
      return new ConnectError(`HTTP method ${this.#request.method} is not served here; use POST`, Code.InvalidArgument);
    const error = await errorIn(body, unexplained);
    // No handler has run yet: all that a GET has is its query.
    return error.code === Code.Internal && this.#request.method === 'GET' ? BAD_QUERY : error;
  }

  #failureOf(raised: ConnectError): Failure {
    const error = this.#request.signal.aborted ? CLIENT_GONE : asClientError(raised, this.#method.input.typeName);
    const { log, random } = this.#parts;
    const rpc = this.#method.name;
    const isBinary = !(this.#request.header.get('content-type') ?? '').includes('json');
    const message = isBinary && error.code === Code.InvalidArgument ? this.#message() : new Uint8Array(0);
    const field = badTextField(this.#method.input, message);
    return field === undefined ? protocolFailure(error, rpc, log, random) : badTextFailure(field, rpc, log, random);
  }

  #errorOf(failure: Failure): ConnectError {
    return connectErrorOf(failure, this.#method.output, this.#answer(failure));
  }

  /** Every response of the contract has these fields; a test compares them. */
  #answer({ message, errorCode }: Failure): Message {
    return create(this.#method.output, { success: false, errorMessage: message, errorCode } as Record<string, unknown>);
  }

  /** As the client asked: JSON, or binary. */
  #encoded(answer: Message): readonly [string, Uint8Array] {
    const type = this.#request.header.get('content-type') ?? '';
    if (type.includes('proto') || (type.startsWith('application/grpc') && !type.includes('json'))) {
      return ['application/proto', toBinary(this.#method.output, answer)];
    }
    return ['application/json', Buffer.from(toJsonString(this.#method.output, answer, JSON_OPTIONS))];
  }
}

async function errorIn(body: Response['body'], otherwise: ConnectError): Promise<ConnectError> {
  if (body === undefined) return otherwise;
  const bytes = await readAllBytes(body, ERROR_BYTES_MAX);
  // 0x1f begins gzip, and no JSON.
  const json = bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
  try {
    return errorFromJsonBytes(json, undefined, otherwise);
  } catch (error) {
    return ConnectError.from(error);
  }
}

/** @param check throws for a whole body that must not be decoded */
async function* seenThrough(
  body: Request['body'],
  seen: Uint8Array[],
  check: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    seen.push(chunk);
    yield chunk;
  }
  check(seen.length === 1 ? (seen[0] as Uint8Array) : Buffer.concat(seen));
}

/** The message's bytes, uncompressed ones only: an envelope of gRPC begins with its flags. */
function messageBytes(seen: readonly Uint8Array[], type: string): Uint8Array {
  const bytes = Buffer.concat(seen);
  if (!type.startsWith('application/grpc')) return bytes;
  return bytes[0] === 0 ? bytes.subarray(ENVELOPE_BYTES) : new Uint8Array(0);
}
