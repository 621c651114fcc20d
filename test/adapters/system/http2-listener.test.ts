import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Http2Listener } from '../../../src/adapters/system/http2-listener.js';
import { eventually } from '../../support/eventually.js';

const UNUSED_MS = 100;

describe('the port of a storage node', () => {
  let listener: Http2Listener;
  let baseUrl: string;

  beforeEach(async () => {
    const server = createServer(Http2Listener.SETTINGS);
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/short') stream.end();
    });
    listener = await Http2Listener.open(server, '127.0.0.1', 0, UNUSED_MS);
    baseUrl = `http://127.0.0.1:${listener.port}`;
  });
  afterEach(() => listener.close());

  it('closes connections that nobody uses, and those that were used once', async () => {
    const silent = connectTcp(listener.port, '127.0.0.1')
      .on('error', () => {})
      .resume();
    const idle = connect(baseUrl).on('error', () => {});
    const used = connect(baseUrl).on('error', () => {});
    const short = used.request({ ':path': '/short' });
    short.resume();
    await once(short, 'close');
    await eventually(() => silent.destroyed && idle.destroyed && used.destroyed);
  });

  it('keeps a connection as long as it has a stream', async () => {
    const session = connect(baseUrl).on('error', () => {});
    const long = session.request({ ':path': '/long' }, { endStream: false });
    long.on('error', () => {}).resume();
    await once(long, 'response');
    const idle = connect(baseUrl).on('error', () => {});
    await eventually(() => idle.destroyed);
    expect(session.destroyed).toBe(false);
    session.destroy();
  });
});
