import type { NodesAtEpoch } from '../domain/topology.js';
import type { Clock } from '../ports/clock.js';
import type { ReplicaStreams } from '../ports/replica-stream.js';

/** A node answers from memory, in a round trip; one that stalls costs no more of a request's usual 5 s. */
const RECALL_TIMEOUT_MS = 500;
/** So many nodes are asked in one go; those that were not are asked in the next. */
const RECALLS_MAX = 4;

/**
 * Epochs that storage nodes have seen and this coordinator has not. Each was read from the metadata store, after its
 * commit, by a coordinator that proved the cluster secret: a single node's word for it is enough.
 */
export class NewerEpochs {
  readonly #replicas: Pick<ReplicaStreams, 'recall'>;
  readonly #clock: Clock;
  /** Who said so and was not asked since. Bounded by the number of nodes. */
  readonly #unasked = new Map<string, number>();
  #greatest = 0;
  #asking: Promise<void> | undefined;

  constructor(replicas: Pick<ReplicaStreams, 'recall'>, clock: Clock) {
    this.#replicas = replicas;
    this.#clock = clock;
  }

  /** The greatest epoch that any node has seen. */
  get greatest(): number {
    return this.#greatest;
  }

  heard(nodeId: string, epoch: number): void {
    this.#greatest = Math.max(this.#greatest, epoch);
    this.#unasked.set(nodeId, epoch);
  }

  /** Asks one node after the other until nothing is missing; whoever calls meanwhile waits for the same answers. */
  catchUp(known: () => number, learn: (topology: NodesAtEpoch) => void): Promise<void> {
    this.#asking ??= this.#ask(known, learn).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(known: () => number, learn: (topology: NodesAtEpoch) => void): Promise<void> {
    for (let recalls = 0; recalls < RECALLS_MAX; recalls++) {
      const [nodeId] = [...this.#unasked].find(([, epoch]) => epoch > known()) ?? [];
      if (nodeId === undefined) return this.#unasked.clear();
      this.#unasked.delete(nodeId);
      const result = await this.#replicas.recall(nodeId, known(), this.#clock.monotonicMs() + RECALL_TIMEOUT_MS);
      if (result.kind === 'recalled' && result.topology.epoch > known()) learn(result.topology);
    }
  }
}
