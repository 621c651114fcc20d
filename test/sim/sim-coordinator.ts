import { type AssembledCoordinator, assembleCoordinator } from '../../src/compose/assemble-coordinator.js';
import { MetadataUnavailableError } from '../../src/domain/errors.js';
import { DEFAULT_LIMITS } from '../../src/domain/request-fields.js';
import type { Random } from '../../src/ports/random.js';
import type { CoordinatorServices } from '../../src/services/coordinator-services.js';
import type { MemoryMetadata } from '../support/memory-metadata.js';
import { silentLog } from '../support/silent-log.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import type { VirtualNetwork } from '../support/virtual-network.js';
import { remoteStores, type StoreConduct } from './remote-stores.js';
import { CLUSTER_SECRET } from './sim-node.js';
import { SimProcess } from './sim-process.js';

const START_AGAIN_MS = 200;
/** Shorter than the product's defaults, so that a second of virtual time holds more of what matters. */
const TIMEOUTS = { replicaMs: 500, twinWaitMs: 700, leaseMs: 1000 };

export interface SimCoordinatorParts {
  readonly coordinatorId: string;
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly random: Random;
  readonly metadata: MemoryMetadata;
  readonly store: StoreConduct;
}

/** One coordinator of the virtual world: the product's own, on a virtual network, clock and metadata store. */
export class SimCoordinator {
  readonly coordinatorId: string;
  skewMs = 0;
  readonly #parts: SimCoordinatorParts;
  #process: SimProcess;
  #services: CoordinatorServices | undefined;
  #readiness: AssembledCoordinator['readiness'] | undefined;

  constructor(parts: SimCoordinatorParts) {
    this.#parts = parts;
    this.coordinatorId = parts.coordinatorId;
    this.#process = new SimProcess(parts.coordinatorId, parts.clock);
    this.#process.kill();
  }

  get process(): SimProcess {
    return this.#process;
  }

  /** Undefined while it is down or not up yet. */
  get services(): CoordinatorServices | undefined {
    return this.#process.alive ? this.#services : undefined;
  }

  /** What it tells load balancers. */
  get ready(): boolean {
    return this.services !== undefined && this.#readiness?.().ready === true;
  }

  /** Starts, again and again while the metadata store is away, as whoever supervises it would. */
  async start(): Promise<void> {
    const { clock, network, random, metadata, store, coordinatorId } = this.#parts;
    const process = new SimProcess(coordinatorId, clock);
    process.skewMs = this.skewMs;
    this.#process = process;
    this.#services = undefined;
    try {
      const { coordinator, readiness } = await assembleCoordinator({
        coordinatorId,
        advertisedAddress: `${coordinatorId}:1`,
        clusterSecret: CLUSTER_SECRET,
        limits: DEFAULT_LIMITS,
        timeouts: TIMEOUTS,
        transport: network.transportOf(process),
        stores: remoteStores(clock, process, metadata, store),
        clock: process,
        random,
        log: silentLog,
      });
      if (this.#process !== process) return;
      this.#services = coordinator;
      this.#readiness = readiness;
    } catch (error) {
      if (!(error instanceof MetadataUnavailableError)) throw error;
      process.kill();
      clock.after(START_AGAIN_MS, () => {
        if (this.#process === process) void this.start();
      });
    }
  }

  crash(): void {
    this.#process.kill();
  }

  jumpClock(skewMs: number): void {
    this.skewMs = skewMs;
    this.#process.skewMs = skewMs;
  }
}
