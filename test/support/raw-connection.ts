import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A TCP connection of a client that sends what bytes it likes, and keeps what it gets. */
export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    // A connection that is reset is closed as well, which is all that tests look at.
    socket.on('error', () => {});
  }

  static async open(address: { readonly host: string; readonly port: number }): Promise<RawConnection> {
    const connection = new RawConnection(connect(address.port, address.host));
    await once(connection.socket, 'connect');
    return connection;
  }

  get received(): Buffer {
    return this.#received;
  }

  get isClosed(): boolean {
    return this.socket.closed;
  }

  /** A segment for each byte, as far as the network leaves them alone. */
  async sendByteByByte(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) {
      await new Promise((resolve) => this.socket.write(Buffer.of(byte), resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
