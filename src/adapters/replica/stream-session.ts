import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2';

/** Wide enough for answers of a MiB, on the stream and on the connection: HTTP/2's default of 64 KiB costs a round trip each. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
const SESSION_OPTIONS = { maxSessionMemory: 256, settings: { initialWindowSize: STREAM_WINDOW_BYTES } };

/** The HTTP/2 connection of one replica stream, as Connect's transports take it. */
export class StreamSession {
  readonly authority: string;
  #session: ClientHttp2Session | undefined;
  #aborted = false;

  constructor(baseUrl: string) {
    this.authority = new URL(baseUrl).origin;
  }

  /** @throws Error the node can't be reached, or `abort` was called */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: ClientSessionRequestOptions,
  ): Promise<ClientHttp2Stream> {
    if (this.#aborted) throw new Error('the connection was given up');
    const session = connect(this.authority, SESSION_OPTIONS);
    this.#session = session;
    await new Promise<void>((resolve, reject) => {
      session.once('connect', () => resolve());
      // Later errors end the stream, which tells them.
      session.on('error', reject);
      session.once('close', () => reject(new Error('the connection was given up')));
    });
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    return session.request({ ...headers, ':method': method, ':path': path }, options);
  }

  notifyResponseByteRead(): void {
    // Connect's own manager would put off its next ping; the stream has heartbeats.
  }

  abort(): void {
    this.#aborted = true;
    this.#session?.destroy();
  }
}
