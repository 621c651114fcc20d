import { buildRing, type Ring, replicaIndexes } from '../domain/ring.js';
import type { Topology } from '../gen/storage/v1/storage_pb.js';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { StorageEngine } from '../ports/storage-engine.js';
import type { StorageKey } from '../wire/storage-key.js';
import { GroupCommit } from './group-commit.js';
import { NodeLoad } from './node-load.js';
import { fenceWrite, identityWrite, type NodeIdentity, readNodeMeta } from './node-meta.js';
import { RecordStore } from './record-store.js';
import { isBetter, readTopology, topologyWrite } from './stored-topology.js';

export interface StorageNodeParts {
  readonly nodeId: string;
  readonly engine: StorageEngine;
  readonly clock: Clock;
  readonly random: Random;
  /** The engine failed: nothing is served any more, and the process should be started anew. */
  readonly onFailure: (failure: unknown) => void;
}

/** What one epoch says of the ring, and this node's place in it. */
interface KnownTopology {
  readonly epoch: number;
  readonly ring: Ring;
  /** Index of this node among the ring's members; -1 when it is none. */
  readonly self: number;
}

/** One storage node: its identity, its fence, what it owns at that epoch, and its records. Shared by all streams. */
export class StorageNode {
  readonly records: RecordStore;
  readonly load = new NodeLoad();
  readonly #commits: GroupCommit;
  #identity: NodeIdentity;
  #fence: number;
  #fenceFlushed: Promise<void> | undefined;
  /** What a coordinator told since the start: nothing is served before. */
  #topology: KnownTopology | undefined;
  /** The newest topology ever told, also before the start. */
  #stored: Topology | undefined;

  private constructor(
    identity: NodeIdentity,
    { fence, topology }: { readonly fence: number; readonly topology: Topology | undefined },
    commits: GroupCommit,
    records: RecordStore,
  ) {
    this.#identity = identity;
    this.#fence = fence;
    this.#stored = topology;
    this.#commits = commits;
    this.records = records;
  }

  /**
   * Opens what the engine's folder holds; a fresh folder gets a store id.
   * @throws Error when the folder belongs to another node, or was written by a newer release
   */
  static async open({ nodeId, engine, clock, random, onFailure }: StorageNodeParts): Promise<StorageNode> {
    const meta = readNodeMeta(engine);
    const commits = new GroupCommit(engine, clock, onFailure);
    const identity = meta.identity ?? { nodeId, storeId: random.id(), clusterId: '' };
    if (identity.nodeId !== nodeId) {
      throw new Error(`the data folder belongs to storage node "${identity.nodeId}", not "${nodeId}"`);
    }
    if (meta.identity === undefined) await engine.commit([identityWrite(identity)]);
    const fence = { fence: meta.fence, topology: readTopology(engine) };
    return new StorageNode(identity, fence, commits, new RecordStore(engine, commits, clock, meta));
  }

  get identity(): NodeIdentity {
    return this.#identity;
  }

  /** The greatest epoch seen. */
  get fence(): number {
    return this.#fence;
  }

  /** Resolves when the fence is flushed; undefined when it is: no answer under a fence leaves before. */
  get fenceFlushed(): Promise<void> | undefined {
    return this.#fenceFlushed;
  }

  /** A fresh node belongs, durably, to the first cluster whose coordinator proved the secret. */
  async joinCluster(clusterId: string): Promise<void> {
    this.#identity = { ...this.#identity, clusterId };
    const commit = this.#commits.open();
    commit.add(identityWrite(this.#identity));
    await commit.flushed;
  }

  /** Takes the epoch as the fence and its ring; an older epoch than the fence changes nothing. */
  adoptTopology(told: Topology): void {
    const { epoch, members } = told;
    if (epoch < this.#fence) return;
    if (this.#topology?.epoch !== epoch) {
      const ring = buildRing(members);
      const self = ring.members.findIndex(({ nodeId }) => nodeId === this.#identity.nodeId);
      this.#topology = { epoch, ring, self };
    }
    if (epoch > this.#fence || isBetter(told, this.#stored)) this.#raiseFence(told);
  }

  /** What coordinators that know an older epoch have missed; undefined when the node knows no newer one. */
  recall(knownEpoch: number): Topology | undefined {
    return this.#stored !== undefined && this.#stored.epoch > knownEpoch ? this.#stored : undefined;
  }

  /** Whether operations of the epoch are served: it is the fence, and its ring is known. */
  serves(epoch: number): boolean {
    return epoch === this.#fence && this.#topology?.epoch === epoch;
  }

  /** Whether the node is a member at its fence; while that ring is unknown it may be. */
  get mayBeMember(): boolean {
    if (this.#topology === undefined) return this.#fence > 0;
    return this.#topology.self >= 0;
  }

  /** Whether this node is a replica of the key at its fence. */
  owns({ token }: StorageKey, replicationFactor: number): boolean {
    const topology = this.#topology;
    return topology !== undefined && replicaIndexes(topology.ring, token, replicationFactor).includes(topology.self);
  }

  /** Resolves when everything begun is flushed. */
  flushed(): Promise<void> {
    return this.#commits.idle();
  }

  /** The fence and what it stands for are one commit. */
  #raiseFence(told: Topology): void {
    this.#fence = told.epoch;
    this.#stored = told;
    const commit = this.#commits.open();
    commit.add(fenceWrite(told.epoch));
    commit.add(topologyWrite(told));
    const flushed = commit.flushed.then(() => {
      if (this.#fenceFlushed === flushed) this.#fenceFlushed = undefined;
    });
    flushed.catch(() => {});
    this.#fenceFlushed = flushed;
  }
}
