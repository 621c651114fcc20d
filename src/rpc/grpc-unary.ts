import { type DescMessage, type DescMethodUnary, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import type { Clock } from '../ports/clock.js';
import { spellGrpcMessage } from './grpc-message.js';
import { gzipFast } from './gzip-fast.js';
import { grpcTimeoutMs } from './timeout-cap.js';

/** As HTTP/2 gives them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface GrpcAnswer {
  readonly headers: Readonly<Record<string, string>>;
  /** Of a call that failed: none. */
  readonly body?: Uint8Array;
  readonly trailers: Readonly<Record<string, string>>;
}

/**
 * Answers the whole body of a request.
 * @returns undefined when the body is not one plain message: Connect's handlers know what else it may be, or what to say of it
 */
export type GrpcUnaryCall = (body: Uint8Array, signal: AbortSignal) => Promise<GrpcAnswer | undefined>;

/** One unary RPC of binary gRPC, straight from bytes to bytes. */
export interface GrpcUnary {
  /** A longer body is left to Connect's handlers. */
  readonly bodyBytesMax: number;
  /** Undefined for a request that is left to them by its headers. */
  open(headers: RequestHeaders): GrpcUnaryCall | undefined;
}

export interface UnaryTerms {
  readonly headers: RequestHeaders;
  /** What is left of the client's own timeout. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}

export interface UnaryOutcome<Output extends DescMessage> {
  readonly response: MessageShape<Output>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly trailers?: Readonly<Record<string, string>>;
}

/** @throws ConnectError of a call that failed */
export type UnaryServe<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  terms: UnaryTerms,
) => Promise<UnaryOutcome<Output>>;

export interface GrpcUnaryOptions {
  readonly messageBytesMax: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

const ENVELOPE_BYTES = 5;
/** Connect's bound, below which compressing is not worth it. */
const COMPRESSED_FROM_BYTES = 1024;
const PLAIN_TYPES = new Set<unknown>(['application/grpc', 'application/grpc+proto']);
const PLAIN_ENCODINGS = new Set<unknown>([undefined, 'identity']);
const [PLAIN, COMPRESSED] = [0, 1];
const HEADERS = { 'content-type': 'application/grpc+proto' };
const OK = { 'grpc-status': '0' };

/**
 * The usual request of gRPC without Connect's pipeline, which can stream, negotiate and intercept. Whatever is unusual is left
 * to it, before anything has run.
 */
export function grpcUnary<Input extends DescMessage, Output extends DescMessage>(
  method: DescMethodUnary<Input, Output>,
  serve: UnaryServe<Input, Output>,
  { messageBytesMax, clock }: GrpcUnaryOptions,
): GrpcUnary {
  const bodyBytesMax = messageBytesMax + ENVELOPE_BYTES;
  const open = (headers: RequestHeaders): GrpcUnaryCall | undefined => {
    if (!PLAIN_TYPES.has(headers['content-type']) || !PLAIN_ENCODINGS.has(headers['grpc-encoding'])) return undefined;
    const timeout = headers['grpc-timeout'];
    const timeoutMs = grpcTimeoutMs(timeout);
    if (timeout !== undefined && timeoutMs === undefined) return undefined;
    const untilMs = timeoutMs === undefined ? undefined : clock.monotonicMs() + timeoutMs;
    return async (body, signal) => {
      const request = decoded(method.input, body);
      if (request === undefined) return undefined;
      const leftMs = untilMs === undefined ? undefined : untilMs - clock.monotonicMs();
      try {
        const outcome = await serve(request, { headers, timeoutMs: leftMs, signal });
        return await answered(toBinary(method.output, outcome.response), outcome, headers);
      } catch (error) {
        return { headers: HEADERS, trailers: trailersOf(ConnectError.from(error)) };
      }
    };
  };
  return { bodyBytesMax, open };
}

/** The message in the only envelope of a body; undefined when there is another, or it is compressed, or can't be decoded. */
function decoded<Desc extends DescMessage>(desc: Desc, body: Uint8Array): MessageShape<Desc> | undefined {
  if (body.length < ENVELOPE_BYTES || body[0] !== PLAIN) return undefined;
  const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
  if (body.length !== ENVELOPE_BYTES + length) return undefined;
  try {
    // Fields of bytes are views of what is decoded: of a Buffer they would be Buffers.
    return fromBinary(desc, new Uint8Array(body.buffer, body.byteOffset + ENVELOPE_BYTES, length));
  } catch {
    return undefined;
  }
}

async function answered<Output extends DescMessage>(
  message: Uint8Array,
  { headers: more, trailers }: UnaryOutcome<Output>,
  asked: RequestHeaders,
): Promise<GrpcAnswer> {
  const headers = more === undefined ? HEADERS : { ...HEADERS, ...more };
  const all = trailers === undefined ? OK : { ...OK, ...trailers };
  if (message.length < COMPRESSED_FROM_BYTES || !acceptsGzip(asked)) {
    return { headers, body: enveloped(PLAIN, message), trailers: all };
  }
  const body = enveloped(COMPRESSED, await gzipFast.compress(message));
  return { headers: { ...headers, 'grpc-encoding': gzipFast.name }, body, trailers: all };
}

function acceptsGzip(headers: RequestHeaders): boolean {
  const accepted = headers['grpc-accept-encoding'];
  return typeof accepted === 'string' && accepted.split(',').some((name) => name.trim() === gzipFast.name);
}

function enveloped(flags: number, message: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(ENVELOPE_BYTES + message.length);
  bytes[0] = flags;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, ENVELOPE_BYTES);
  return bytes;
}

function trailersOf(error: ConnectError): Record<string, string> {
  const trailers = setTrailerStatus(new Headers(), error);
  spellGrpcMessage(trailers);
  return Object.fromEntries(trailers);
}
