import { create } from '@bufbuild/protobuf';
import {
  type Answer,
  type ExchangeRequest,
  type ExchangeResponse,
  type Hello,
  type Proof,
  Refusal_Reason,
  type Topology,
  type Welcome,
  WelcomeSchema,
} from '../gen/storage/v1/storage_pb.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import { commonProtocol, handshakeProof, isProof, NONCE_BYTES, PROTOCOL_MAX, PROTOCOL_MIN } from '../wire/handshake.js';
import type { StorageNode } from './storage-node.js';
import { StreamOperations } from './stream-operations.js';

const HANDSHAKE_TIMEOUT_MS = 5000;
const OPERATIONS_PER_BATCH_MAX = 256;

export interface ReplicaSessionParts {
  readonly node: StorageNode;
  readonly clusterSecret: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly diskUsagePercent: () => Promise<number>;
  readonly onFailure: (failure: unknown) => void;
  readonly send: (frame: ExchangeResponse) => void;
  /** Whether the network took everything sent before; `drained` is to be called when it has. */
  readonly isDrained: () => boolean;
  /** The secret was proved. Returns false when the node serves too many coordinators already. */
  readonly admit: () => boolean;
  /** Ends the stream; called once. */
  readonly end: () => void;
}

type SessionState =
  | { readonly kind: 'awaiting_hello' }
  | { readonly kind: 'awaiting_proof'; readonly hello: Hello; readonly welcome: Welcome }
  /** The proof was right; the cluster id or the fence is being flushed. Frames wait. */
  | { readonly kind: 'admitting' }
  | { readonly kind: 'serving' }
  | { readonly kind: 'ended' };

/** The node's side of one stream: the handshake, then batches and their answers. Knows no transport. */
export class ReplicaSession {
  readonly #parts: ReplicaSessionParts;
  readonly #deadline: Timer;
  #state: SessionState = { kind: 'awaiting_hello' };
  readonly #operations: StreamOperations;
  #early: ExchangeRequest[] = [];
  #settled: Promise<void> | undefined;

  constructor(parts: ReplicaSessionParts) {
    this.#parts = parts;
    this.#operations = new StreamOperations({ ...parts, send: (answers) => this.#sendAnswers(answers) });
    this.#deadline = parts.clock.after(HANDSHAKE_TIMEOUT_MS, () =>
      this.#refuse(Refusal_Reason.BAD_FRAME, 'the handshake was not finished in time'),
    );
  }

  receive(request: ExchangeRequest): void {
    const { frame } = request;
    switch (this.#state.kind) {
      case 'ended':
        return;
      case 'admitting':
        this.#early.push(request);
        return;
      case 'awaiting_hello':
        if (frame.case === 'hello') return this.#greet(frame.value);
        break;
      case 'awaiting_proof':
        if (frame.case === 'proof') return this.#admit(frame.value, this.#state);
        break;
      case 'serving':
        if (frame.case === 'topology') return this.#parts.node.adoptTopology(frame.value);
        if (frame.case === 'batch' && frame.value.operations.length <= OPERATIONS_PER_BATCH_MAX) {
          return this.#operations.run(frame.value);
        }
        break;
    }
    this.#refuse(Refusal_Reason.BAD_FRAME, `frame "${frame.case}" does not belong here`);
  }

  /** Resolves when the next frame may be read from the stream. */
  async room(): Promise<void> {
    await this.#settled;
    await this.#operations.room();
  }

  /** The network took what was sent. */
  drained(): void {
    this.#operations.flush();
  }

  /** The stream broke, or the node shuts down. */
  close(): void {
    this.#deadline.cancel();
    this.#state = { kind: 'ended' };
    this.#early = [];
    this.#operations.end();
  }

  /** Ends a stream that has not proved the secret yet, for the sake of others. */
  giveWay(): void {
    this.#refuse(Refusal_Reason.OVERLOADED, 'the storage node is overloaded: too many streams want to be let in');
  }

  /** Tells the coordinator that the node shuts down. */
  shutDown(): void {
    this.#refuse(Refusal_Reason.SHUTTING_DOWN, 'the storage node is shutting down');
  }

  #greet(hello: Hello): void {
    const { node, clusterSecret, random } = this.#parts;
    const { nodeId, storeId, clusterId } = node.identity;
    const protocol = commonProtocol(hello.protocolMin, hello.protocolMax);
    if (protocol === undefined) {
      const spoken = `${PROTOCOL_MIN} to ${PROTOCOL_MAX}`;
      return this.#refuse(Refusal_Reason.PROTOCOL_VERSION, `this node speaks protocol versions ${spoken}`);
    }
    if (hello.nonce.length !== NONCE_BYTES || hello.clusterId === '') {
      return this.#refuse(Refusal_Reason.BAD_FRAME, 'the greeting is incomplete');
    }
    const nonce = random.bytes(NONCE_BYTES);
    const welcome = create(WelcomeSchema, { protocol, nodeId, storeId, clusterId, nonce });
    welcome.proof = handshakeProof(clusterSecret, 'node', hello, welcome);
    this.#state = { kind: 'awaiting_proof', hello, welcome };
    this.#send({ case: 'welcome', value: welcome });
  }

  #admit({ proof, topology }: Proof, greeted: { readonly hello: Hello; readonly welcome: Welcome }): void {
    const { node, clusterSecret } = this.#parts;
    const { hello, welcome } = greeted;
    if (!isProof(proof, handshakeProof(clusterSecret, 'coordinator', hello, welcome))) {
      return this.#refuse(Refusal_Reason.BAD_PROOF, 'the coordinator has another cluster secret');
    }
    const { nodeId, clusterId } = node.identity;
    if (hello.nodeId !== nodeId) {
      return this.#refuse(Refusal_Reason.WRONG_NODE, `this is storage node "${nodeId}", not "${hello.nodeId}"`);
    }
    if (clusterId !== '' && clusterId !== hello.clusterId) {
      return this.#refuse(Refusal_Reason.WRONG_CLUSTER, 'this storage node belongs to another cluster');
    }
    if (topology === undefined) return this.#refuse(Refusal_Reason.BAD_FRAME, 'the proof names no topology');
    if (!this.#parts.admit()) {
      return this.#refuse(Refusal_Reason.OVERLOADED, 'the storage node serves too many coordinators already');
    }
    this.#state = { kind: 'admitting' };
    this.#settled = this.#settle(hello.clusterId, topology).catch((error: unknown) => {
      this.#parts.onFailure(error);
      this.#refuse(Refusal_Reason.SHUTTING_DOWN, 'the storage engine failed');
    });
  }

  async #settle(clusterId: string, topology: Topology): Promise<void> {
    const { node } = this.#parts;
    if (node.identity.clusterId === '') await node.joinCluster(clusterId);
    node.adoptTopology(topology);
    await node.fenceFlushed;
    if (this.#state.kind !== 'admitting') return;
    this.#deadline.cancel();
    this.#state = { kind: 'serving' };
    this.#send({ case: 'ready', value: { $typeName: 'storage.v1.Ready', epoch: node.fence } });
    const early = this.#early;
    this.#early = [];
    for (const request of early) this.receive(request);
  }

  #sendAnswers(answers: Answer[]): void {
    this.#send({ case: 'answers', value: { $typeName: 'storage.v1.Answers', answers } });
  }

  #send(frame: ExchangeResponse['frame']): void {
    if (this.#state.kind !== 'ended') this.#parts.send({ $typeName: 'storage.v1.ExchangeResponse', frame });
  }

  #refuse(reason: Refusal_Reason, message: string): void {
    if (this.#state.kind === 'ended') return;
    this.#send({ case: 'refusal', value: { $typeName: 'storage.v1.Refusal', reason, message } });
    this.close();
    this.#parts.end();
  }
}
