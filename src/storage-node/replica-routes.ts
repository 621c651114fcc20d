import { constants, type ServerHttp2Stream } from 'node:http2';
import { type ConnectRouter, createContextKey, createContextValues, type HandlerContext } from '@connectrpc/connect';
import type { ConnectNodeAdapterOptions } from '@connectrpc/connect-node';
import { type ExchangeRequest, type ExchangeResponse, ReplicaService } from '../gen/storage/v1/storage_pb.js';
import type { Clock } from '../ports/clock.js';
import { FrameQueue } from '../wire/frame-queue.js';
import { ReplicaSession, type ReplicaSessionParts } from './replica-session.js';
import { UnprovenIntake } from './unproven-intake.js';

/** Streams of coordinators that a node serves at once: each coordinator has one. */
const COORDINATORS_MAX = 1024;
/**
 * Streams that have not proved the secret yet. A newcomer takes the place of the oldest: a coordinator needs two round
 * trips to leave this number, so that strangers would have to come as many in that time to shut it out.
 */
const STRANGERS_MAX = 128;

const INTAKE = createContextKey<UnprovenIntake | undefined>(undefined, { description: 'what came before the proof' });

export type SessionHost = Omit<ReplicaSessionParts, 'send' | 'isDrained' | 'admit' | 'end'>;

export interface ReplicaRoutes {
  readonly routes: (router: ConnectRouter) => void;
  /** For the adapter that the routes are bound by: without it nothing bounds the bytes of strangers. */
  readonly contextValues: NonNullable<ConnectNodeAdapterOptions['contextValues']>;
  /** Tells every coordinator that the node shuts down. */
  shutDown(): void;
}

/** Binds sessions to Connect's streams. */
export function replicaRoutes(host: SessionHost): ReplicaRoutes {
  const coordinators = new Set<ReplicaSession>();
  const strangers = new Set<ReplicaSession>();
  async function* exchange(
    requests: AsyncIterable<ExchangeRequest>,
    { values }: HandlerContext,
  ): AsyncGenerator<ExchangeResponse> {
    const queue: FrameQueue<ExchangeResponse> = new FrameQueue(() => session.drained());
    const session: ReplicaSession = new ReplicaSession({
      ...host,
      send: (frame) => queue.push(frame),
      isDrained: () => queue.isEmpty,
      admit() {
        if (coordinators.size >= COORDINATORS_MAX) return false;
        values.get(INTAKE)?.proved();
        strangers.delete(session);
        coordinators.add(session);
        return true;
      },
      end: () => queue.end(),
    });
    const [oldest] = strangers;
    if (strangers.size >= STRANGERS_MAX) oldest?.giveWay();
    strangers.add(session);
    void pump(requests, session, queue);
    try {
      yield* queue;
    } finally {
      session.close();
      strangers.delete(session);
      coordinators.delete(session);
    }
  }
  return {
    routes: (router) => router.service(ReplicaService, { exchange }),
    contextValues(request) {
      if ('stream' in request) closeWhenAnswered(request.stream, host.clock);
      return createContextValues().set(INTAKE, new UnprovenIntake(request));
    },
    shutDown() {
      for (const session of [...coordinators, ...strangers]) session.shutDown();
    },
  };
}

/** Whoever was told the end may not keep the other half of the stream open. */
function closeWhenAnswered(stream: ServerHttp2Stream, clock: Clock): void {
  // The answer's last frame, its trailers, is handed over in this event.
  stream.once('wantTrailers', () => clock.nextTurn(() => stream.close(constants.NGHTTP2_NO_ERROR)));
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
      await session.room();
    }
  } catch {
    // A broken stream is how a coordinator's end looks from here.
  } finally {
    session.close();
    queue.end();
  }
}
