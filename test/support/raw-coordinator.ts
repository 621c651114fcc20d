import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { CoordinatorHandshake } from '../../src/adapters/replica/coordinator-handshake.js';
import { systemRandom } from '../../src/adapters/system/system-random.js';
import { snapshotOf } from '../../src/domain/topology.js';
import {
  type ExchangeRequest,
  type ExchangeResponse,
  type Operation,
  ReplicaService,
} from '../../src/gen/storage/v1/storage_pb.js';
import type { NodeAddress } from '../../src/ports/replica-transport.js';
import { FrameQueue } from '../../src/wire/frame-queue.js';
import { topologyMessage } from '../../src/wire/topology-message.js';

/** A coordinator's end of a stream to storage node "n1", which sends what it is told and takes frames one by one, or not at all. */
export class RawCoordinator {
  readonly #requests = new FrameQueue<ExchangeRequest>();
  readonly #responses: AsyncIterator<ExchangeResponse>;
  readonly #abort = new AbortController();
  #lastId = 0;

  private constructor({ host, port }: NodeAddress) {
    const transport = createGrpcTransport({ baseUrl: `http://${host}:${port}`, acceptCompression: [] });
    const { signal } = this.#abort;
    const responses = createClient(ReplicaService, transport).exchange(this.#requests, { signal });
    this.#responses = responses[Symbol.asyncIterator]();
  }

  /** @throws Error when the node does not let it in */
  static async connect(address: NodeAddress, clusterSecret: Uint8Array): Promise<RawCoordinator> {
    const coordinator = new RawCoordinator(address);
    const handshake = new CoordinatorHandshake({ actor: 'c@1', clusterId: 'c', clusterSecret }, 'n1', systemRandom);
    coordinator.#requests.push(handshake.hello());
    for (;;) {
      const step = handshake.receive(await coordinator.take());
      if (step.kind === 'ready') return coordinator;
      if (step.kind === 'refused') throw new Error(step.reason);
      const member = { ...address, nodeId: 'n1', virtualNodes: 8, zone: '', status: 'active' as const };
      const nodes = [{ ...member, storeId: step.storeId }];
      coordinator.#requests.push(step.proof(topologyMessage(snapshotOf({ epoch: 1, nodes, tenants: [] }))));
    }
  }

  /** Sends the operations as one batch. */
  send(kinds: readonly Operation['kind'][]): void {
    const operations = kinds.map((kind) => ({ $typeName: 'storage.v1.Operation' as const, id: ++this.#lastId, kind }));
    const value = { $typeName: 'storage.v1.Batch' as const, epoch: 1, operations };
    this.#requests.push({ $typeName: 'storage.v1.ExchangeRequest', frame: { case: 'batch', value } });
  }

  /** The next frame. @throws Error when the stream is over */
  async take(): Promise<ExchangeResponse> {
    const result = await this.#responses.next();
    if (result.done) throw new Error('the stream is over');
    return result.value;
  }

  close(): void {
    this.#requests.end();
    this.#abort.abort();
  }
}
