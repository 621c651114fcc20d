import type { ExchangeRequest, ExchangeResponse } from '../gen/storage/v1/storage_pb.js';

export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** Carries frames between a coordinator and a storage node, in order, each at most once, until the stream breaks. */
export interface ReplicaTransport {
  /**
   * Begins a stream; connecting may go on in the background. The sink is told of frames and, exactly once, of the
   * end; never during the call itself.
   */
  open(address: NodeAddress, sink: ReplicaSink): ReplicaConnection;
}

export interface ReplicaConnection {
  /** Queues the frame for sending; frames of one turn leave together. After the end it is dropped. */
  send(frame: ExchangeRequest): void;
  /**
   * Whether everything sent was taken by the network. Whoever has much to send makes the next frame only then, so that
   * what waits can still expire, be taken back or be overtaken.
   */
  readonly isDrained: boolean;
  /** Ends the stream at once, without telling the sink. */
  close(): void;
}

export interface ReplicaSink {
  frame(frame: ExchangeResponse): void;
  /** The network took the last frame that waited; not during `send` itself. */
  drained?(): void;
  /** The stream is over: refused, broken or ended by the node. */
  end(reason: string): void;
}
