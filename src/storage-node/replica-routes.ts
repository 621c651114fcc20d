import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { type ExchangeRequest, type ExchangeResponse, ReplicaService } from '../gen/storage/v1/storage_pb.js';
import { FrameQueue } from '../wire/frame-queue.js';
import { ReplicaSession, type ReplicaSessionParts } from './replica-session.js';

/** Streams that a node serves at once: each coordinator has one, and a few strangers may try. */
const SESSIONS_MAX = 1024;
/** A coordinator that doesn't take its answers is not read from beyond this many frames. */
const UNSENT_FRAMES_MAX = 64;

export type SessionHost = Omit<ReplicaSessionParts, 'send' | 'end'>;

export interface ReplicaRoutes {
  readonly routes: (router: ConnectRouter) => void;
  /** Tells every coordinator that the node shuts down. */
  shutDown(): void;
}

/** Binds sessions to Connect's streams. */
export function replicaRoutes(host: SessionHost): ReplicaRoutes {
  const sessions = new Set<ReplicaSession>();
  async function* exchange(requests: AsyncIterable<ExchangeRequest>): AsyncGenerator<ExchangeResponse> {
    if (sessions.size >= SESSIONS_MAX) {
      throw new ConnectError(`the storage node serves ${SESSIONS_MAX} streams already`, Code.ResourceExhausted);
    }
    const queue = new FrameQueue<ExchangeResponse>();
    const send = (frame: ExchangeResponse) => queue.push(frame);
    const session = new ReplicaSession({ ...host, send, end: () => queue.end() });
    sessions.add(session);
    void pump(requests, session, queue);
    try {
      yield* queue;
    } finally {
      session.close();
      sessions.delete(session);
    }
  }
  return {
    routes: (router) => router.service(ReplicaService, { exchange }),
    shutDown() {
      for (const session of sessions) session.shutDown();
    },
  };
}

/** Reads until the coordinator ends the stream or it breaks: either way nobody waits for answers any more. */
async function pump(
  requests: AsyncIterable<ExchangeRequest>,
  session: ReplicaSession,
  queue: FrameQueue<ExchangeResponse>,
): Promise<void> {
  try {
    for await (const request of requests) {
      session.receive(request);
      await queue.below(UNSENT_FRAMES_MAX);
    }
  } catch {
    // A broken stream is how a coordinator's end looks from here.
  } finally {
    session.close();
    queue.end();
  }
}
