import { type AssembledCoordinator, assembleCoordinator } from '../../src/compose/assemble-coordinator.js';
import { MetadataUnavailableError } from '../../src/domain/errors.js';
import { CLOCK_SKEW_MAX_MS } from '../../src/domain/hybrid-clock.js';
import { DEFAULT_LIMITS } from '../../src/domain/request-fields.js';
import type { CoordinatorStore } from '../../src/ports/coordinator-store.js';
import type { Random } from '../../src/ports/random.js';
import type { CoordinatorServices } from '../../src/services/coordinator-services.js';
import type { MemoryMetadata } from '../support/memory-metadata.js';
import { silentLog } from '../support/silent-log.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import type { VirtualNetwork } from '../support/virtual-network.js';
import { type RemoteStores, remoteStores, type StoreConduct } from './remote-stores.js';
import { CLUSTER_SECRET } from './sim-node.js';
import { SimProcess } from './sim-process.js';

const START_AGAIN_MS = 200;
/** A heartbeat's answer is at most so old. */
const COMPARED_WITHIN_MS = 1000;
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
  #assembled: AssembledCoordinator | undefined;
  /** How far the metadata store's clock was ahead of the world's when it was last asked for. */
  #storeSkewMs = 0;

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
    return this.#process.alive ? this.#assembled?.coordinator : undefined;
  }

  /** Whether it says that it can serve. */
  get ready(): boolean {
    return this.#process.alive && this.#assembled?.readiness().ready === true;
  }

  /** Whether it was told the store's time and can tell by its own clocks that its wall clock is too far off to take writes. */
  get knowsThatItsClockIsOff(): boolean {
    return Math.abs(this.skewMs - this.#storeSkewMs) > CLOCK_SKEW_MAX_MS + COMPARED_WITHIN_MS;
  }

  /** Starts, again and again while the metadata store is away, as whoever supervises it would. */
  async start(): Promise<void> {
    const { clock, network, random, coordinatorId } = this.#parts;
    const process = new SimProcess(coordinatorId, clock);
    process.skewMs = this.skewMs;
    this.#process = process;
    this.#assembled = undefined;
    try {
      const assembled = await assembleCoordinator({
        coordinatorId,
        advertisedAddress: `${coordinatorId}:1`,
        clusterSecret: CLUSTER_SECRET,
        limits: DEFAULT_LIMITS,
        timeouts: TIMEOUTS,
        transport: network.transportOf(process),
        stores: this.#stores(process),
        clock: process,
        random,
        log: silentLog,
      });
      if (this.#process === process) this.#assembled = assembled;
    } catch (error) {
      if (!(error instanceof MetadataUnavailableError)) throw error;
      process.kill();
      clock.after(START_AGAIN_MS, () => {
        if (this.#process === process) void this.start();
      });
    }
  }

  #stores(process: SimProcess): RemoteStores {
    const { clock, metadata, store } = this.#parts;
    const stores = remoteStores(clock, process, metadata, store);
    const heartbeat: CoordinatorStore['heartbeat'] = async (coordinatorId, incarnation) => {
      const told = await stores.coordinators.heartbeat(coordinatorId, incarnation);
      this.#storeSkewMs = told.storeWallMs - clock.wallMs();
      return told;
    };
    return { ...stores, coordinators: { ...stores.coordinators, heartbeat } };
  }

  crash(): void {
    this.#process.kill();
  }

  jumpClock(skewMs: number): void {
    this.skewMs = skewMs;
    this.#process.skewMs = skewMs;
  }
}
