import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { PortLimits } from './port-limits.js';

interface Activity {
  /** What the connection had sent when it was looked at last. */
  bytesRead: number;
  /** Looks in a row at which it had sent nothing new. */
  silentLooks: number;
  openStreams: number;
  /** When it last had a stream. */
  usedMs: number;
}

/**
 * The HTTP/2 connections of a port. Dead and unused ones are closed: nghttp2 stops reading from a client that it has told to go
 * away, and would not see that it has gone.
 */
export class Http2Sessions {
  readonly #limits: Pick<PortLimits, 'keepAliveMs' | 'idleMs'>;
  readonly #sessions = new Map<ServerHttp2Session, Activity>();
  readonly #timer: NodeJS.Timeout;
  #closing = false;

  constructor(limits: Pick<PortLimits, 'keepAliveMs' | 'idleMs'>) {
    this.#limits = limits;
    this.#timer = setInterval(() => this.#look(), limits.keepAliveMs).unref();
  }

  add(session: ServerHttp2Session): void {
    const activity = { bytesRead: -1, silentLooks: 0, openStreams: 0, usedMs: performance.now() };
    this.#sessions.set(session, activity);
    session.on('stream', (stream: ServerHttp2Stream) => {
      activity.openStreams++;
      stream.once('close', () => {
        activity.openStreams--;
        activity.usedMs = performance.now();
      });
    });
    session.on('close', () => this.#sessions.delete(session));
    session.on('error', () => session.destroy());
    if (this.#closing) session.close();
  }

  /** Lets streams that are open come to their end, and takes no more. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#timer);
    for (const session of this.#sessions.keys()) session.close();
  }

  #look(): void {
    for (const [session, activity] of this.#sessions) {
      if (session.destroyed) continue;
      const { bytesRead } = session.socket;
      activity.silentLooks = bytesRead === activity.bytesRead ? activity.silentLooks + 1 : 0;
      activity.bytesRead = bytesRead;
      const isUnused = activity.openStreams === 0 && performance.now() - activity.usedMs > this.#limits.idleMs;
      if (activity.silentLooks > 1) session.destroy();
      else if (isUnused) session.close();
      else if (activity.silentLooks === 1) session.ping(() => {});
    }
  }
}
