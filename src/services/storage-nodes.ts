import { MetadataUnavailableError } from '../domain/errors.js';
import { healthOf } from '../domain/node-health.js';
import {
  checkHost,
  checkId,
  checkPort,
  checkVirtualNodes,
  checkZone,
  type FieldLimits,
} from '../domain/request-fields.js';
import type { StorageNode } from '../domain/topology.js';
import {
  decideAddNode,
  decideRemoveNode,
  type LockedTopology,
  type NodeAdditionAnswer,
} from '../domain/topology-change.js';
import type { Clock } from '../ports/clock.js';
import type { Random } from '../ports/random.js';
import type { ReplicaIntroduction } from '../ports/replica-introduction.js';
import type { NodeFigures, ReplicaStreams } from '../ports/replica-stream.js';
import type { TopologyStore } from '../ports/topology-store.js';
import type { AheadWatch } from './ahead-watch.js';
import type { ListedNode, NodeChange, NodeRequest } from './coordinator-services.js';
import type { TopologyWatch } from './topology-watch.js';

/** A node that leaves while it is added is met anew, but not for ever. */
const MEETINGS_MAX = 3;
/** A node that doesn't answer within this is listed with its last known figures. */
const DESCRIBE_TIMEOUT_MS = 500;

export interface StorageNodesParts {
  readonly store: TopologyStore;
  readonly topology: TopologyWatch;
  readonly replicas: ReplicaStreams;
  readonly ahead: AheadWatch;
  readonly introduction: ReplicaIntroduction;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: FieldLimits;
}

/** AddStorageNode, RemoveStorageNode and ListStorageNodes. */
export class StorageNodes {
  readonly #parts: StorageNodesParts;
  readonly #figures = new Map<string, NodeFigures>();

  constructor(parts: StorageNodesParts) {
    this.#parts = parts;
  }

  /** @throws QuorateError invalid_field, foreign_node, node_in_use, metadata_unavailable */
  async add(request: NodeRequest): Promise<NodeChange> {
    const { store, topology, random, limits } = this.#parts;
    const nodeId = checkId('node_id', request.nodeId, limits);
    const host = checkHost(request.host);
    const port = checkPort(request.port);
    const virtualNodes = checkVirtualNodes(request.virtualNodes);
    const zone = checkZone(request.zone, limits);
    const migrationId = random.id();
    for (let attempt = 1; attempt <= MEETINGS_MAX; attempt++) {
      const { storeId, asMember } = await this.#meet(nodeId, host, port);
      const candidate = { nodeId, host, port, virtualNodes, zone, storeId };
      const answer = await store.change<NodeAdditionAnswer | undefined>({ nodeId }, (state) => {
        const isMember = this.#upToDate(state).nodes.some((node) => node.nodeId === nodeId);
        // It has left since: it holds what it held then, and is met and emptied like any other that joins.
        if (asMember && !isMember) return { answer: undefined };
        return decideAddNode(state, candidate, migrationId);
      });
      await topology.refresh();
      if (answer !== undefined) {
        return this.#changed(answer.migrationId, additionMessage(answer, nodeId, host, port));
      }
    }
    throw new MetadataUnavailableError(`storage node "${nodeId}" comes and goes: try again`);
  }

  /** @throws QuorateError invalid_field, unknown_node, node_in_use, metadata_unavailable */
  async remove(nodeId: string): Promise<NodeChange> {
    const { store, topology, random, limits } = this.#parts;
    checkId('node_id', nodeId, limits);
    const newId = random.id();
    const { kind, migrationId } = await store.change({ nodeId }, (state) =>
      decideRemoveNode(this.#upToDate(state), nodeId, newId),
    );
    await topology.refresh();
    this.#figures.delete(nodeId);
    const message = kind === 'removed' ? 'has left; it held no data' : 'has left already';
    return this.#changed(migrationId, `storage node "${nodeId}" ${message}`);
  }

  list(): Promise<readonly ListedNode[]> {
    const nodes = [...this.#parts.topology.snapshot.nodes.values()];
    return Promise.all(nodes.sort(byNodeId).map((node) => this.#describe(node)));
  }

  /** A member at its registered address need not be reached to be told so; anybody else must show its data folder. */
  async #meet(
    nodeId: string,
    host: string,
    port: number,
  ): Promise<{ readonly storeId: string; readonly asMember: boolean }> {
    const known = this.#parts.topology.snapshot.nodes.get(nodeId);
    const asMember = known !== undefined;
    if (asMember && known.host === host && known.port === port) return { storeId: known.storeId, asMember };
    const { storeId } = await this.#parts.introduction.introduce(nodeId, { host, port }, asMember);
    return { storeId, asMember };
  }

  /**
   * A store that lost commits would give an epoch a second time, with other nodes.
   * @throws MetadataUnavailableError
   */
  #upToDate(state: LockedTopology): LockedTopology {
    const { committedEpoch } = this.#parts.topology;
    if (state.epoch >= committedEpoch) return state;
    throw new MetadataUnavailableError(
      `the metadata went back: the metadata store holds epoch ${state.epoch} of the topology, ` +
        `but storage nodes have seen ${committedEpoch}; nodes are not changed until it holds that`,
    );
  }

  #changed(migrationId: string, message: string): NodeChange {
    return { migrationId, message, estimatedCompletion: Math.floor(this.#parts.clock.wallMs() / 1000) };
  }

  async #describe(node: StorageNode): Promise<ListedNode> {
    const { replicas, ahead, clock } = this.#parts;
    const { nodeId } = node;
    const result = await replicas.describe(nodeId, clock.monotonicMs() + DESCRIBE_TIMEOUT_MS);
    if (result.kind === 'described') {
      const { keysCount, diskUsagePercent } = result;
      this.#figures.set(nodeId, { keysCount, diskUsagePercent });
    }
    const figures = this.#figures.get(nodeId) ?? { keysCount: 0, diskUsagePercent: 0 };
    const { usable, silentMs, lastSeenAt } = replicas.state(nodeId);
    const health = { health: healthOf(silentMs), healthReason: usable === true ? '' : usable, lastSeenAt };
    return { node, ...health, aheadSeconds: ahead.aheadSeconds(nodeId), ...figures };
  }
}

function additionMessage({ kind }: NodeAdditionAnswer, nodeId: string, host: string, port: number): string {
  switch (kind) {
    case 'added':
      return `storage node "${nodeId}" is active; there was no data to move`;
    case 'moved':
      return `storage node "${nodeId}" has moved to ${host}:${port}, with its data`;
    case 'present':
      return `storage node "${nodeId}" is a member already`;
  }
}

function byNodeId(a: StorageNode, b: StorageNode): number {
  return a.nodeId < b.nodeId ? -1 : 1;
}
