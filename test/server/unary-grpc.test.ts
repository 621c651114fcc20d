import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ReadKeyValueRequestSchema,
  ReadKeyValueResponseSchema,
  WriteKeyValueRequestSchema,
} from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { eventually } from '../support/eventually.js';
import { envelope, grpcCall } from '../support/grpc-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { OUTCOMES } from '../support/scripted-services.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';
import { fields, frame, PING, PING_ACKNOWLEDGED, PREFACE, SETTINGS } from './http2-frames.js';

const WRITE = '/coordinator.v1.CoordinatorService/WriteKeyValue';
const READ = '/coordinator.v1.CoordinatorService/ReadKeyValue';
const [DATA, HEADERS, RST_STREAM, END_HEADERS] = [0x0, 0x1, 0x3, 0x4];
const VALUE_BYTES_MAX = 100_000;
const ENVELOPE_BYTES = 5;
const COMPRESSIBLE = new Uint8Array(50_000).fill(7);

let served: ServedCoordinator;
beforeEach(async () => {
  served = await serveCoordinator({ valueBytesMax: VALUE_BYTES_MAX });
});
afterEach(() => served.stop());

const write = (value: Uint8Array) =>
  toBinary(WriteKeyValueRequestSchema, create(WriteKeyValueRequestSchema, { tenantId: 't', key: 'k', value }));
const read = () => toBinary(ReadKeyValueRequestSchema, create(ReadKeyValueRequestSchema, { tenantId: 't', key: 'k' }));
const askedValues = () =>
  served.services.calls.map(({ asked }) => Uint8Array.from((asked[0] as { value: Uint8Array }).value));

describe('a unary call of gRPC', () => {
  it.each([
    ['at once', 100_000],
    ['in pieces', 1000],
    ['in pieces that cut its envelope', 3],
  ])('takes a message that comes %s', async (_how, pieceBytes) => {
    const value = Uint8Array.from({ length: pieceBytes * 10 > 90_000 ? 90_000 : pieceBytes * 10 }, (_, i) => i % 251);
    const body = envelope(write(value));
    const { status, trailers } = await callInPieces(body, pieceBytes);
    expect({ status, grpcStatus: trailers['grpc-status'] }).toEqual({ status: 200, grpcStatus: '0' });
    expect(askedValues()).toEqual([value]);
  });

  it('takes a compressed message, too', async () => {
    const { trailers } = await grpcCall(`${served.baseUrl}${WRITE}`, envelope(gzipSync(write(COMPRESSIBLE)), 1), {
      'grpc-encoding': 'gzip',
    });
    expect(trailers.get('grpc-status')).toBe('0');
    expect(askedValues()).toEqual([COMPRESSIBLE]);
  });

  it.each([
    ['nothing', {}, undefined],
    ['gzip among others', { 'grpc-accept-encoding': 'identity, deflate,gzip' }, 'gzip'],
    ['others only', { 'grpc-accept-encoding': 'identity,gzippy' }, undefined],
  ])('compresses a long answer for a client that accepts %s as it accepts it', async (_what, headers, encoding) => {
    served.services.outcomes = { ...OUTCOMES, read: { ...OUTCOMES.read, value: COMPRESSIBLE } };
    const answer = await grpcCall(`${served.baseUrl}${READ}`, envelope(read()), headers);
    expect(answer.headers['grpc-encoding']).toBe(encoding);
    const message = answer.body.subarray(ENVELOPE_BYTES);
    expect(answer.body[0]).toBe(encoding === undefined ? 0 : 1);
    expect(answer.body.readUInt32BE(1)).toBe(message.length);
    const plain = encoding === undefined ? message : gunzipSync(message);
    expect(fromBinary(ReadKeyValueResponseSchema, new Uint8Array(plain)).value).toEqual(COMPRESSIBLE);
  });

  it('does not compress what is too short to gain by it', async () => {
    const answer = await grpcCall(`${served.baseUrl}${READ}`, envelope(read()), { 'grpc-accept-encoding': 'gzip' });
    expect(answer.headers['grpc-encoding']).toBeUndefined();
    expect(answer.body[0]).toBe(0);
  });

  it('refuses a message that is too long while it is still being sent, and asks nobody', async () => {
    const { trailers } = await callInPieces(envelope(write(new Uint8Array(1_000_000))), 20_000);
    expect(trailers['grpc-status']).toBe('3');
    expect(served.services.calls).toEqual([]);
  });

  it.each([
    ['in the middle of the message', 20],
    ['with the message, before it ended the request', 1000],
  ])('asks nobody when its client leaves %s', async (_when, bytes) => {
    using client = await RawConnection.open(served);
    const headers = { ':method': 'POST', ':scheme': 'http', ':path': WRITE, ':authority': 'localhost' };
    const message = envelope(write(Buffer.alloc(100))).subarray(0, bytes);
    client.socket.write(
      Buffer.concat([
        PREFACE,
        SETTINGS,
        frame(HEADERS, END_HEADERS, fields({ ...headers, 'content-type': 'application/grpc' }), 1),
        frame(DATA, 0, message, 1),
      ]),
    );
    await delay(30);
    client.socket.write(Buffer.concat([frame(RST_STREAM, 0, Buffer.of(0, 0, 0, 8), 1), PING]));
    await eventually(() => client.received.includes(PING_ACKNOWLEDGED));
    await delay(30);
    expect(served.services.calls).toEqual([]);
    expect(served.log.lines).toEqual([]);
  });

  it('is asked to go on when it waits for that', async () => {
    await withSession(async (session) => {
      const stream = session.request({ ...headersOf(WRITE), expect: '100-continue' });
      await once(stream, 'continue');
      const answered = once(stream, 'trailers');
      stream.end(envelope(write(COMPRESSIBLE)));
      stream.resume();
      expect((await answered)[0]['grpc-status']).toBe('0');
    });
  });

  it('is refused with two messages, wherever its pieces end, and asks nobody', async () => {
    const body = Buffer.concat([envelope(write(COMPRESSIBLE)), envelope(write(COMPRESSIBLE))]);
    const { trailers } = await callInPieces(body, 10_000);
    expect(trailers['grpc-status']).toBe('12');
    expect(served.services.calls).toEqual([]);
  });
});

async function callInPieces(body: Buffer, pieceBytes: number) {
  return withSession(async (session) => {
    const stream = session.request(headersOf(WRITE));
    const answered = Promise.all([once(stream, 'response'), once(stream, 'trailers')]);
    stream.resume();
    await sendInPieces(stream, body, pieceBytes);
    const [[headers], [trailers]] = await answered;
    return { status: headers[':status'], trailers };
  });
}

async function sendInPieces(stream: ClientHttp2Stream, body: Buffer, pieceBytes: number): Promise<void> {
  for (let from = 0; from < body.length && !stream.writableEnded; from += pieceBytes) {
    stream.write(body.subarray(from, from + pieceBytes));
    await new Promise(setImmediate);
  }
  stream.end();
}

async function withSession<Result>(work: (session: ClientHttp2Session) => Promise<Result>): Promise<Result> {
  const session = connect(served.baseUrl);
  try {
    return await work(session);
  } finally {
    session.destroy();
  }
}

function headersOf(path: string) {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
}
