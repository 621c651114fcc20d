import { create } from '@bufbuild/protobuf';
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  type Hello,
  HelloSchema,
  type Topology,
  type Welcome,
} from '../../gen/storage/v1/storage_pb.js';
import type { Random } from '../../ports/random.js';
import { handshakeProof, isProof, NONCE_BYTES, PROTOCOL_MAX, PROTOCOL_MIN } from '../../wire/handshake.js';

/** Who greets storage nodes, and by which secret. */
export interface Greeting {
  readonly actor: string;
  readonly clusterId: string;
  readonly clusterSecret: Uint8Array;
}

export type HandshakeStep =
  /** The node knows the secret; the proof of this side is to be sent once its data folder is accepted. */
  | { readonly kind: 'met'; readonly storeId: string; readonly proof: (topology: Topology) => ExchangeRequest }
  /** @property epoch the node's fence */
  | { readonly kind: 'ready'; readonly epoch: number }
  | { readonly kind: 'refused'; readonly reason: string };

/** The coordinator's side of one handshake. */
export class CoordinatorHandshake {
  readonly #greeting: Greeting;
  readonly #hello: Hello;
  #welcomed = false;

  constructor(greeting: Greeting, nodeId: string, random: Random) {
    this.#greeting = greeting;
    this.#hello = create(HelloSchema, {
      protocolMin: PROTOCOL_MIN,
      protocolMax: PROTOCOL_MAX,
      actor: greeting.actor,
      nodeId,
      clusterId: greeting.clusterId,
      nonce: random.bytes(NONCE_BYTES),
    });
  }

  hello(): ExchangeRequest {
    return create(ExchangeRequestSchema, { frame: { case: 'hello', value: this.#hello } });
  }

  receive({ frame }: ExchangeResponse): HandshakeStep {
    switch (frame.case) {
      case 'welcome':
        return this.#welcomed ? refused('it greeted twice') : this.#meet(frame.value);
      case 'ready':
        return this.#welcomed
          ? { kind: 'ready', epoch: frame.value.epoch }
          : refused('it did not prove the cluster secret');
      case 'refusal':
        return refused(frame.value.message);
      default:
        return refused(`it sent "${frame.case}" in the handshake`);
    }
  }

  #meet(welcome: Welcome): HandshakeStep {
    const { clusterSecret, clusterId } = this.#greeting;
    const expected = handshakeProof(clusterSecret, 'node', this.#hello, welcome);
    if (welcome.nonce.length !== NONCE_BYTES || !isProof(welcome.proof, expected)) {
      return refused('it has another cluster secret');
    }
    if (welcome.nodeId !== this.#hello.nodeId) {
      return refused(`it is storage node "${welcome.nodeId}", not "${this.#hello.nodeId}"`);
    }
    if (welcome.clusterId !== '' && welcome.clusterId !== clusterId) return refused('it belongs to another cluster');
    this.#welcomed = true;
    const proof = handshakeProof(clusterSecret, 'coordinator', this.#hello, welcome);
    const send = (topology: Topology) =>
      create(ExchangeRequestSchema, {
        frame: { case: 'proof', value: { $typeName: 'storage.v1.Proof', proof, topology } },
      });
    return { kind: 'met', storeId: welcome.storeId, proof: send };
  }
}

function refused(reason: string): HandshakeStep {
  return { kind: 'refused', reason };
}
