import { once } from 'node:events';
import { createServer } from 'node:net';

/** The first of so many free ports in a row: further coordinators take the ports after the first one's. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = createServer().listen(0, '127.0.0.1');
    await once(first, 'listening');
    const { port } = first.address() as { readonly port: number };
    const last = Math.min(port + count, 65_536);
    const others = Array.from({ length: last - port - 1 }, (_, i) => createServer().listen(port + 1 + i, '127.0.0.1'));
    const taken = await Promise.allSettled(others.map((server) => once(server, 'listening')));
    for (const server of [first, ...others]) server.close();
    if (others.length === count - 1 && taken.every(({ status }) => status === 'fulfilled')) return port;
  }
}
