import { once } from 'node:events';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { inOnePart, RequestBodies } from '../../src/server/request-bodies.js';
import { eventually } from '../support/eventually.js';
import { envelope, grpcCall } from '../support/grpc-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { serveCoordinator } from '../support/served-coordinator.js';

const MIB = 1024 * 1024;
const WRITE = '/coordinator.v1.CoordinatorService/WriteKeyValue';

async function* partsOf(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function allOf(parts: AsyncIterable<Uint8Array>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const part of parts) all.push(Buffer.from(part));
  return all;
}

describe('the bodies of requests', () => {
  it('take about what was received, in however small parts', () => {
    const bodies = new RequestBodies({ bytesMax: 64 * MIB, connectionBytesMax: 64 * MIB });
    const body = bodies.open({});
    for (let i = 0; i < 100_000; i++) expect(body.add(Buffer.of(i % 256))).toBe(true);
    expect(body.length).toBe(100_000);
    expect(body.bytes[99_999]).toBe(99_999 % 256);
    expect(bodies.bytes).toBeLessThan(2 * 100_000 + 512);
    body.release();
    expect(bodies.bytes).toBe(0);
  });

  it('are refused beyond a budget for all and one for each connection, which is given back', () => {
    const bodies = new RequestBodies({ bytesMax: 10_000, connectionBytesMax: 4000 });
    const [one, two, three] = [{}, {}, {}];
    const first = bodies.open(one);
    expect(first.add(Buffer.alloc(3000))).toBe(true);
    expect(bodies.open(one).add(Buffer.alloc(1500))).toBe(false);
    expect(bodies.open(two).add(Buffer.alloc(4000))).toBe(true);
    expect(bodies.open(three).add(Buffer.alloc(3500))).toBe(false);
    first.release();
    expect(bodies.open(three).add(Buffer.alloc(3500))).toBe(true);
    expect(bodies.open(one).add(Buffer.alloc(2000))).toBe(true);
  });

  it('take nothing more once they were given back, though parts of a request that was cut off still come', async () => {
    const bodies = new RequestBodies({ bytesMax: MIB, connectionBytesMax: MIB });
    const body = bodies.open({});
    async function* cutOff() {
      yield Buffer.alloc(1000);
      body.release();
      yield Buffer.alloc(1000);
    }
    await expect(allOf(inOnePart(cutOff(), body, 5000))).rejects.toThrow('[resource_exhausted]');
    expect(bodies.bytes).toBe(0);
  });

  it('come in one part, or in their own parts when they are longer than they may be', async () => {
    const bodies = new RequestBodies({ bytesMax: MIB, connectionBytesMax: MIB });
    const whole = await allOf(inOnePart(partsOf(Buffer.from('ab'), Buffer.from('c')), bodies.open({}), 3));
    expect(whole.map(String)).toEqual(['abc']);
    const parts = ['ab', 'cd', 'ef', 'gh'].map((text) => Buffer.from(text));
    expect((await allOf(inOnePart(partsOf(...parts), bodies.open({}), 3))).map(String)).toEqual(['abcd', 'ef', 'gh']);
    expect(await allOf(inOnePart(partsOf(), bodies.open({}), 3))).toEqual([]);
  });

  it('that find no room end with resource_exhausted', async () => {
    const bodies = new RequestBodies({ bytesMax: 1000, connectionBytesMax: 1000 });
    const refused = allOf(inOnePart(partsOf(Buffer.alloc(600), Buffer.alloc(600)), bodies.open({}), 5000));
    await expect(refused).rejects.toThrow('[resource_exhausted] too many bytes');
  });

  it.each(['application/json', 'application/grpc'])(
    'of a client beyond the budget are refused as %s, and later ones are not',
    async (type) => {
      const served = await serveCoordinator({}, { bodies: { bytesMax: 4000, connectionBytesMax: 4000 } });
      const session = connect(served.baseUrl);
      const path = '/coordinator.v1.CoordinatorService/GetTenant';
      const post = () => session.request({ ':method': 'POST', ':path': path, 'content-type': type });
      const slow = post();
      slow.on('error', () => {}).write(Buffer.alloc(3000, ' '));
      await eventually(() => served.bodies.bytes > 0);
      const refused = post();
      refused.end(Buffer.alloc(3000, ' '));
      const [headers] = await once(refused, 'response');
      const body = await text(refused);
      if (type === 'application/json') {
        expect(headers[':status']).toBe(429);
        expect(JSON.parse(body)).toMatchObject({
          message: expect.stringMatching(/^RATE_LIMIT_EXCEEDED: too many bytes/),
        });
      }
      slow.close();
      await eventually(() => served.bodies.bytes === 0);
      session.destroy();
      await served.stop();
    },
  );

  it('of unary gRPC are given back when their stream is over, answered or not', async () => {
    const served = await serveCoordinator();
    const session = connect(served.baseUrl);
    const post = () => session.request({ ':method': 'POST', ':path': WRITE, 'content-type': 'application/grpc' });
    const cut = post();
    cut.on('error', () => {}).write(Buffer.alloc(3000));
    await eventually(() => served.bodies.bytes > 0);
    cut.close();
    await eventually(() => served.bodies.bytes === 0);
    const answered = post();
    answered.end(Buffer.alloc(5));
    await once(answered.resume(), 'end');
    await eventually(() => served.bodies.bytes === 0);
    session.destroy();
    await served.stop();
  });

  it('of unary gRPC are counted once when another handler takes them over', async () => {
    const budget = { bytesMax: 5000, connectionBytesMax: 5000 };
    const served = await serveCoordinator({}, { bodies: budget });
    const { trailers } = await grpcCall(`${served.baseUrl}${WRITE}`, envelope(Buffer.alloc(3000)));
    expect(trailers.get('grpc-message')).toContain('INVALID_REQUEST');
    await eventually(() => served.bodies.bytes === 0);
    await served.stop();
  });

  it.each(['application/grpc-web+proto', 'application/grpc+json'])(
    'are counted as %s, too, when more is declared than may be sent',
    async (type) => {
      const served = await serveCoordinator();
      using client = await RawConnection.open(served);
      const head = `POST ${WRITE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: 99999999\r\n\r\n`;
      client.socket.write(head);
      client.socket.write(Buffer.concat([Buffer.of(0, 0, 0xf, 0, 0), Buffer.alloc(900_000)]));
      await eventually(() => served.bodies.bytes >= 900_000);
      client.socket.destroy();
      await eventually(() => served.bodies.bytes === 0);
      await served.stop();
    },
  );
});
