import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StreamSession } from '../../../src/adapters/replica/stream-session.js';
import { eventually } from '../../support/eventually.js';

const MIB = 1024 * 1024;

let server: Http2Server;
let url: string;
const sessions: ServerHttp2Session[] = [];

beforeEach(async () => {
  server = createServer()
    .on('session', (session) => sessions.push(session))
    .on('stream', (stream: ServerHttp2Stream) => stream.on('error', () => {}).respond({ ':status': 200 }))
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
  server.close();
});

it('lets a node send answers of several MiB without waiting for the coordinator', async () => {
  const session = new StreamSession(url);
  const stream = await session.request('POST', '/x', { te: 'trailers' }, {});
  stream.on('error', () => {});
  await eventually(() => (sessions[0]?.state.remoteWindowSize ?? 0) >= 16 * MIB);
  expect(sessions[0]?.remoteSettings.initialWindowSize).toBe(4 * MIB);
  session.abort();
  await eventually(() => stream.destroyed && sessions[0]?.destroyed);
});

it('says why a node can not be reached', async () => {
  server.close();
  await expect(new StreamSession(url).request('POST', '/x', {}, {})).rejects.toThrow('ECONNREFUSED');
});

it('opens nothing once it was given up, and ends what was opening', async () => {
  const opening = new StreamSession(url);
  const request = opening.request('POST', '/x', {}, {});
  opening.abort();
  await expect(request).rejects.toThrow();
  await expect(opening.request('POST', '/x', {}, {})).rejects.toThrow('given up');
});
