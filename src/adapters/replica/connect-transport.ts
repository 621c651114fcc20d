import { ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type ExchangeRequest, ReplicaService } from '../../gen/storage/v1/storage_pb.js';
import type { NodeAddress, ReplicaConnection, ReplicaSink, ReplicaTransport } from '../../ports/replica-transport.js';
import { FrameQueue } from '../../wire/frame-queue.js';
import { StreamSession } from './stream-session.js';

/** A batch of at most 1 MiB and one value beyond. */
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;

/** The stream over gRPC on clear-text HTTP/2: one connection for each stream, so that ending one harms no other. */
export const connectTransport: ReplicaTransport = {
  open(address: NodeAddress, sink: ReplicaSink): ReplicaConnection {
    const baseUrl = `http://${urlHost(address.host)}:${address.port}`;
    const sessionManager = new StreamSession(baseUrl);
    const transport = createGrpcTransport({
      baseUrl,
      sessionManager,
      readMaxBytes: MESSAGE_BYTES_MAX,
      writeMaxBytes: MESSAGE_BYTES_MAX,
      acceptCompression: [],
    });
    const abort = new AbortController();
    const requests: FrameQueue<ExchangeRequest> = new FrameQueue<ExchangeRequest>(() => {
      if (requests.isEmpty && !abort.signal.aborted) sink.drained?.();
    });
    const responses = createClient(ReplicaService, transport).exchange(requests, { signal: abort.signal });
    void deliver(responses, sink, abort.signal).finally(() => {
      requests.end();
      sessionManager.abort();
    });
    return {
      send: (frame) => requests.push(frame),
      get isDrained() {
        return requests.isEmpty;
      },
      close() {
        requests.end();
        abort.abort();
        sessionManager.abort();
      },
    };
  },
};

async function deliver(
  responses: AsyncIterable<Parameters<ReplicaSink['frame']>[0]>,
  sink: ReplicaSink,
  closed: AbortSignal,
): Promise<void> {
  let reason = 'the storage node ended the stream';
  try {
    for await (const frame of responses) {
      if (closed.aborted) return;
      sink.frame(frame);
    }
  } catch (error) {
    reason = reasonOf(error);
  }
  if (!closed.aborted) sink.end(reason);
}

/** The innermost cause says most: "connect ECONNREFUSED 127.0.0.1:7500". */
function reasonOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause !== undefined) innermost = innermost.cause;
  if (innermost instanceof ConnectError) return `its stream broke: ${innermost.rawMessage}`;
  return innermost instanceof Error ? innermost.message : String(innermost);
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
