import { buildRing, type Ring, replicaIndexes } from '../domain/ring.js';
import type { Topology } from '../gen/storage/v1/storage_pb.js';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { StorageEngine } from '../ports/storage-engine.js';
import type { StorageKey } from '../wire/storage-key.js';
import { DiskRoom, type DiskSpace, ENDLESS_DISK } from './disk-room.js';
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
  /** Undefined where nobody runs out of room. */
  readonly disk?: DiskSpace | undefined;
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
  readonly #room: DiskRoom;
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
    room: DiskRoom,
    records: RecordStore,
  ) {
    this.#identity = identity;
    this.#fence = fence;
    this.#stored = topology;
    this.#commits = commits;
    this.#room = room;
    this.records = records;
  }

  /**
   * Opens what the engine's folder holds; a fresh folder gets a store id.
   * @throws Error when the folder belongs to another node, was written by a newer release or is damaged, or when there is
   * no room to make it
   */
  static async open({ nodeId, engine, clock, random, disk, onFailure }: StorageNodeParts): Promise<StorageNode> {
    const room = await DiskRoom.open(disk ?? ENDLESS_DISK, clock);
    const meta = readNodeMeta(engine);
    const commits = new GroupCommit(engine, clock, onFailure);
    const identity = meta.identity ?? { nodeId, storeId: random.id(), clusterId: '' };
    if (identity.nodeId !== nodeId) {
      throw new Error(`the data folder belongs to storage node "${identity.nodeId}", not "${nodeId}"`);
    }
    if (meta.identity === undefined) {
      if (!(await room.hasForOwnEntries())) throw new Error('the disk is full: there is no room for a new data folder');
      await engine.commit([identityWrite(identity)]);
    }
    const fence = { fence: meta.fence, topology: readTopology(engine) };
    const records = new RecordStore(engine, commits, clock, room, meta);
    return new StorageNode(identity, fence, commits, room, records);
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
    await this.#keepOwnEntries();
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
  async flushed(): Promise<void> {
    await this.#fenceFlushed;
    await this.#commits.idle();
  }

  #raiseFence(told: Topology): void {
    this.#fence = told.epoch;
    this.#stored = told;
    const flushed = this.#keepOwnEntries().then(() => {
      if (this.#fenceFlushed === flushed) this.#fenceFlushed = undefined;
    });
    flushed.catch(() => {});
    this.#fenceFlushed = flushed;
  }

  /**
   * Flushes identity, fence and what the fence stands for as they are then, in one commit. While there is no room for
   * them, whoever rests on them waits.
   */
  async #keepOwnEntries(): Promise<void> {
    await this.#room.untilOwnEntriesFit();
    const commit = this.#commits.open();
    commit.add(identityWrite(this.#identity));
    if (this.#stored !== undefined) {
      commit.add(fenceWrite(this.#fence));
      commit.add(topologyWrite(this.#stored));
    }
    await commit.flushed;
  }
}
