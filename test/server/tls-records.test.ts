import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { expect, it } from 'vitest';
import { testCertificate } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { OUTCOMES } from '../support/scripted-services.js';
import { serveCoordinator } from '../support/served-coordinator.js';

/** More than the sockets' buffers hold. */
const LONG = new Uint8Array(6 * 1024 * 1024);
const BODY = '{"tenantId":"t","key":"k"}';
const HEAD = [
  'POST /coordinator.v1.CoordinatorService/ReadKeyValue HTTP/1.1',
  'host: localhost',
  'content-type: application/json',
  `content-length: ${BODY.length}`,
];

/** A connection whose writes can be held back, to leave as one. */
class HeldConnection extends Duplex {
  readonly #socket;
  #held: Buffer[] | undefined;

  constructor(port: number) {
    super();
    this.#socket = connectTcp(port, '127.0.0.1');
    this.#socket.on('data', (chunk) => this.push(chunk) || this.#socket.pause());
    this.#socket.on('close', () => this.destroy());
    this.#socket.on('error', () => {});
  }

  hold(): void {
    this.#held = [];
  }

  release(): void {
    this.#socket.write(Buffer.concat(this.#held ?? []));
    this.#held = undefined;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#held === undefined) this.#socket.write(chunk, done);
    else {
      this.#held.push(chunk);
      done();
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

it('requests of HTTP/1.1 in several TLS records at once are served while an earlier answer waits to be taken', async () => {
  const served = await serveCoordinator({ valueBytesMax: LONG.length }, {}, testCertificate('one'));
  served.services.outcomes = { ...OUTCOMES, read: { ...OUTCOMES.read, value: LONG } };
  const connection = new HeldConnection(served.port);
  const client = connectTls({ socket: connection, ca: testCertificate('one').cert, servername: 'localhost' });
  try {
    await once(client, 'secureConnect');
    client.pause();
    const ask = () => {
      // A record of its own, and one with all that follows in the same turn.
      client.write(`${HEAD.join('\r\n')}\r\n\r\n`);
      client.write(BODY);
    };
    ask();
    await eventually(() => served.services.calls.length === 1);
    await delay(200);
    connection.hold();
    ask();
    ask();
    await delay(50);
    connection.release();
    await delay(200);
    let received = '';
    client.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1').replaceAll('\0', '');
    });
    client.resume();
    const statuses = () => [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
    await eventually(() => statuses().length === 3 || connection.destroyed);
    expect(statuses()).toEqual([200, 200, 200]);
  } finally {
    client.destroy();
    connection.destroy();
    await served.stop();
  }
});
