import { once } from 'node:events';
import type { Http2Server, ServerHttp2Session, ServerOptions } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { AddressUnavailableError } from '../../ports/address-unavailable.js';

/** How long sessions may finish what runs after GOAWAY. */
const CLOSE_TIMEOUT_MS = 1000;
const KEEP_ALIVE_MS = 30_000;
/** Each coordinator has one connection; a few strangers may try. More are closed at once. */
const CONNECTIONS_MAX = 2048;
/** A connection without a stream for so long is nobody's that belongs here. */
const UNUSED_MS = 10_000;

/** A listening clear-text HTTP/2 server that can be closed although sessions are open. */
export class Http2Listener {
  /** Windows wide enough for batches of a MiB; a session's memory bound beyond what is in flight. */
  static readonly SETTINGS: ServerOptions = {
    maxSessionMemory: 256,
    settings: { initialWindowSize: 4 * 1024 * 1024, maxConcurrentStreams: 256 },
  };

  readonly #server: Http2Server;
  readonly #unusedMs: number;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly host: string;
  readonly port: number;

  private constructor(server: Http2Server, address: AddressInfo, unusedMs: number) {
    this.#server = server;
    this.#unusedMs = unusedMs;
    this.host = address.address;
    this.port = address.port;
  }

  /** @throws AddressUnavailableError */
  static async open(server: Http2Server, host: string, port: number, unusedMs = UNUSED_MS): Promise<Http2Listener> {
    server.maxConnections = CONNECTIONS_MAX;
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (error) {
      throw new AddressUnavailableError(host, port, error as NodeJS.ErrnoException);
    }
    const listener = new Http2Listener(server, server.address() as AddressInfo, unusedMs);
    server.on('session', (session) => listener.#track(session));
    // A peer whose machine is gone says nothing: its session would stay for ever.
    server.on('connection', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    server.on('error', () => {});
    return listener;
  }

  /** Stops listening, lets sessions finish for a moment, then ends them. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, CLOSE_TIMEOUT_MS);
    await closed;
    clearTimeout(timer);
  }

  #track(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    // The default connection window of 64 KiB would stop a stream in the middle of a batch.
    session.setLocalWindowSize(16 * 1024 * 1024);
    let streams = 0;
    const expire = () => setTimeout(() => session.destroy(), this.#unusedMs).unref();
    let unused = expire();
    session.on('stream', (stream) => {
      streams++;
      clearTimeout(unused);
      stream.once('close', () => {
        if (--streams === 0 && !session.destroyed) unused = expire();
      });
    });
    session.on('close', () => {
      clearTimeout(unused);
      this.#sessions.delete(session);
    });
    session.on('error', () => session.destroy());
  }
}
