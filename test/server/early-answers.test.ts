import { once } from 'node:events';
import { Agent, request as http1Request } from 'node:http';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const PATH = '/coordinator.v1.CoordinatorService/WriteKeyValue';

describe('a request that is answered before its body was read', () => {
  let served: ServedCoordinator;
  beforeEach(async () => {
    served = await serveCoordinator({ valueBytesMax: 1000 });
  });
  afterEach(() => served.stop());

  it('leaves its connection of HTTP/1.1 to the next request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const post = (body: string, headers = {}) => {
      const options = { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers } };
      const sent = http1Request(`${served.baseUrl}${PATH}`, options);
      sent.write(body.slice(0, body.length / 2));
      setImmediate(() => sent.end(body.slice(body.length / 2)));
      return sent;
    };
    for (let i = 0; i < 20; i++) {
      const large = post(JSON.stringify({ tenantId: 't', key: 'k'.repeat(300_000) }));
      const [refused] = await once(large, 'response');
      expect(refused.statusCode).toBe(400);
      await text(refused);
      const small = post(JSON.stringify({ tenantId: 't', key: 'k' }));
      const [answered] = await once(small, 'response');
      expect(answered.statusCode).toBe(200);
      await text(answered);
      expect(small.reusedSocket).toBe(true);
    }
    agent.destroy();
  });

  it('ends its stream of HTTP/2, however long the client would go on', async () => {
    const session = connect(served.baseUrl);
    const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/json' });
    stream.write(Buffer.alloc(300_000, 'k'));
    const [headers] = await once(stream, 'response');
    expect(headers[':status']).toBe(400);
    expect(await text(stream)).toContain('INVALID_REQUEST');
    if (!stream.closed) await once(stream, 'close');
    expect(stream.rstCode).toBe(0);
    session.close();
  });
});
