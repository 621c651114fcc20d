import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeAddress } from '../../src/ports/replica-transport.js';

const STEP_MS = 10;

/** A TCP link to an address that carries so many bytes per millisecond in that direction, and answers at once. */
export class ThrottledProxy {
  /** What it carried so far. */
  carriedBytes = 0;
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();

  static async open(target: NodeAddress, bytesPerMs: number): Promise<ThrottledProxy> {
    const proxy = new ThrottledProxy();
    proxy.#server.on('connection', (client) => {
      const server = connect(target.port, target.host);
      for (const socket of [client, server]) {
        proxy.#sockets.add(socket);
        socket.on('error', () => {}).on('close', () => proxy.#hangUp());
      }
      server.pipe(client);
      proxy.#carry(client, server, bytesPerMs).catch(() => proxy.#hangUp());
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#hangUp();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async #carry(from: Socket, to: Socket, bytesPerMs: number): Promise<void> {
    let mayAtMs = performance.now();
    for await (const chunk of from as AsyncIterable<Buffer>) {
      to.write(chunk);
      this.carriedBytes += chunk.length;
      mayAtMs = Math.max(mayAtMs, performance.now() - STEP_MS) + chunk.length / bytesPerMs;
      while (mayAtMs > performance.now() + STEP_MS) await delay(STEP_MS);
    }
  }
}
