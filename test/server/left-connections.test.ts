import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { ReadKeyValueRequestSchema } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import type { PortLimits } from '../../src/server/port-limits.js';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { envelope } from '../support/grpc-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { OUTCOMES } from '../support/scripted-services.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';
import { PREFACE, SETTINGS } from './http2-frames.js';

const READ = '/coordinator.v1.CoordinatorService/ReadKeyValue';
const REQUEST = toBinary(ReadKeyValueRequestSchema, create(ReadKeyValueRequestSchema, { tenantId: 't', key: 'k' }));
/** More than the sockets' buffers hold. */
const LONG = new Uint8Array(32 * 1024 * 1024);

let served: ServedCoordinator;
const serve = async (limits: Partial<PortLimits>) => {
  served = await serveCoordinator({ valueBytesMax: LONG.length }, limits);
  served.services.outcomes = { ...OUTCOMES, read: { ...OUTCOMES.read, value: LONG } };
};
afterEach(() => served?.stop());

describe('a connection of HTTP/2', () => {
  it('is closed when it gives no sign of life, though it is asked', async () => {
    await serve({ keepAliveMs: 50 });
    using client = await RawConnection.open(served);
    client.socket.write(Buffer.concat([PREFACE, SETTINGS]));
    await eventually(() => client.isClosed);
  });

  it('stays for as long as it answers, with a call that takes its time', async () => {
    await serve({ keepAliveMs: 20, idleMs: 60 });
    const gate = new Gate();
    served.services.before = () => gate.opened;
    const session = connect(served.baseUrl);
    const stream = session.request({ ':method': 'POST', ':path': READ, 'content-type': 'application/grpc' });
    const answered = once(stream, 'response');
    stream.end(envelope(REQUEST));
    await delay(300);
    expect(session.closed).toBe(false);
    gate.open();
    expect((await answered)[0]).toMatchObject({ ':status': 200 });
    session.destroy();
  });

  it('is told to go when nobody has used it for long', async () => {
    await serve({ keepAliveMs: 20, idleMs: 60 });
    const session = connect(served.baseUrl);
    const [code] = await once(session, 'goaway');
    expect(code).toBe(constants.NGHTTP2_NO_ERROR);
    await eventually(() => session.destroyed);
  });
});

describe('an answer that its client does not take', () => {
  it.each([
    ['gRPC', 'application/grpc', envelope(REQUEST)],
    ['Connect', 'application/proto', REQUEST],
  ])('is taken back over HTTP/2: %s', async (_protocol, type, body) => {
    await serve({ answerTakenMs: 100 });
    const session = connect(served.baseUrl, { settings: { initialWindowSize: 0 } });
    const stream = session.request({ ':method': 'POST', ':path': READ, 'content-type': type });
    stream.on('error', () => {});
    stream.end(body);
    await once(stream, 'close');
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect(session.closed).toBe(false);
    session.destroy();
  });

  it('is taken back when too many bytes wait, the oldest first', async () => {
    await serve({ untakenBytesMax: 1.5 * LONG.length });
    const session = connect(served.baseUrl, { settings: { initialWindowSize: 0 } });
    const closed: number[] = [];
    for (const turn of [1, 2]) {
      const stream = session.request({ ':method': 'POST', ':path': READ, 'content-type': 'application/grpc' });
      stream.on('error', () => {}).on('close', () => closed.push(turn));
      stream.end(envelope(REQUEST));
      await once(stream, 'response');
    }
    await eventually(() => closed.length > 0);
    await delay(500);
    expect(closed).toEqual([1]);
    session.destroy();
  });

  it('is taken back with its connection over HTTP/1.1', async () => {
    await serve({ answerTakenMs: 100 });
    using client = await RawConnection.open(served);
    client.socket.pause();
    const head = `POST ${READ} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/proto\r\n`;
    client.socket.write(`${head}Content-Length: ${REQUEST.length}\r\n\r\n`);
    client.socket.write(REQUEST);
    await eventually(() => served.services.calls.length === 1);
    await delay(500);
    client.socket.resume();
    await eventually(() => client.isClosed);
    expect(client.received.toString('latin1', 0, 100)).toMatch(/^HTTP\/1\.1 200 /);
    expect(client.received.length).toBeLessThan(LONG.length);
  });
});
