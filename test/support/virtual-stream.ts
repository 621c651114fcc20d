import { BatchedStream } from '../../src/adapters/replica/batched-stream.js';
import type { QueuedOperation } from '../../src/adapters/replica/operation-queue.js';
import { recordOf } from '../../src/domain/record.js';
import { type StorageNode as Member, snapshotOf } from '../../src/domain/topology.js';
import type { Answer, Operation } from '../../src/gen/storage/v1/storage_pb.js';
import type { ReplicaFailure } from '../../src/ports/replica-stream.js';
import { ReplicaSession } from '../../src/storage-node/replica-session.js';
import { StorageNode } from '../../src/storage-node/storage-node.js';
import { encodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey } from '../../src/wire/storage-key.js';
import { SimProcess } from '../sim/sim-process.js';
import { MemoryDisk, MemoryStorageEngine } from './memory-storage-engine.js';
import { seededRandom } from './seeded-random.js';
import { silentLog } from './silent-log.js';
import { VirtualClock } from './virtual-clock.js';
import { CALM, VirtualNetwork } from './virtual-network.js';

const SECRET = Buffer.from('a secret of this test');
const ADDRESS = { host: 'node', port: 1 };

export type Outcome = Answer['kind'] | ReplicaFailure;

/** One operation that was given to a stream. */
export interface Begun {
  readonly operation: QueuedOperation;
  readonly begunAtMs: number;
  outcome?: Outcome;
  endedAtMs?: number;
}

/** One real storage node and streams of real coordinators to it, on a link and a disk whose speed a test sets. */
export class VirtualStream {
  readonly clock = new VirtualClock();
  /** Of each direction of each coordinator's link; undefined for a link that takes everything at once. */
  bytesPerMs: number | undefined;
  /** No flush ends before. */
  flushAtMs = 0;
  readonly warnings: string[] = [];
  readonly #network: VirtualNetwork;
  readonly #random = seededRandom(1);
  #node: StorageNode | undefined;
  #timestamp = 1;

  private constructor() {
    this.#network = new VirtualNetwork(this.clock, { ...CALM, bytesPerMs: () => this.bytesPerMs });
  }

  static async open(): Promise<VirtualStream> {
    const world = new VirtualStream();
    const { clock } = world;
    const random = world.#random;
    const flushMs = () => Math.max(1, world.flushAtMs - clock.monotonicMs());
    const engine = new MemoryStorageEngine(new MemoryDisk(), clock, flushMs);
    const onFailure = (failure: unknown) => {
      throw failure;
    };
    const node = await clock.settle(StorageNode.open({ nodeId: 'n1', engine, clock, random, onFailure }));
    world.#node = node;
    world.#network.listen(ADDRESS, new SimProcess('n1', clock), (connection) => {
      const session = new ReplicaSession({
        node,
        clusterSecret: SECRET,
        clock,
        random,
        diskUsagePercent: async () => 1,
        onFailure,
        send: (frame) => connection.send(frame),
        isDrained: () => connection.isDrained,
        admit: () => true,
        end: () => connection.end(),
      });
      return {
        frame: (frame) => session.receive(frame),
        drained: () => session.drained(),
        end: () => session.close(),
      };
    });
    return world;
  }

  get node(): StorageNode {
    if (this.#node === undefined) throw new Error('the node is not open');
    return this.#node;
  }

  /** A coordinator's stream, connected. */
  async connect(process = new SimProcess('c1', this.clock)): Promise<BatchedStream> {
    const log = { ...silentLog, warn: (fields: object) => void this.warnings.push(JSON.stringify(fields)) };
    const member: Member = {
      ...ADDRESS,
      nodeId: 'n1',
      virtualNodes: 8,
      zone: '',
      status: 'active',
      storeId: this.node.identity.storeId,
    };
    const snapshot = snapshotOf({ epoch: 1, nodes: [member], tenants: [] });
    const stream = new BatchedStream(
      {
        transport: this.#network.transportOf(process),
        clock: process,
        random: this.#random,
        log,
        greeting: { actor: `${process.name}@1`, clusterId: 'cluster', clusterSecret: SECRET },
        onEpoch: () => {},
        topology: () => snapshot,
      },
      member,
    );
    await this.clock.advance(200);
    return stream;
  }

  begin(stream: BatchedStream, kind: Operation['kind'], timeoutMs: number): Begun {
    const begunAtMs = this.clock.monotonicMs();
    const bytes = kind.case === 'write' ? 100 + kind.value.record.length : 100;
    const begun: Begun = {
      begunAtMs,
      operation: {
        epoch: 1,
        kind,
        bytes,
        deadlineMs: begunAtMs + timeoutMs,
        settle: (outcome) => {
          if (begun.outcome !== undefined) throw new Error('settled twice');
          begun.outcome = outcome;
          begun.endedAtMs = this.clock.monotonicMs();
        },
      },
    };
    stream.enqueue(begun.operation);
    return begun;
  }

  /** A write that no other has made obsolete. */
  write(key: number, bytes: number): Operation['kind'] & { case: 'write' } {
    const record = encodeRecord(recordOf({ actor: 'c@1', timestamp: this.#timestamp++ }, Buffer.alloc(bytes)));
    return {
      case: 'write',
      value: { $typeName: 'storage.v1.Write', follows: 0, storageKey: storageKey(key), replicationFactor: 1, record },
    };
  }

  read(key: number, headOnly = false): Operation['kind'] {
    return {
      case: 'read',
      value: { $typeName: 'storage.v1.Read', storageKey: storageKey(key), replicationFactor: 1, headOnly },
    };
  }
}

export const DESCRIBE: Operation['kind'] = { case: 'describe', value: { $typeName: 'storage.v1.Describe' } };

function storageKey(key: number): Uint8Array {
  return encodeStorageKey({ tenantNumber: 1, token: BigInt(key), key: Buffer.from(`k${key}`) });
}
