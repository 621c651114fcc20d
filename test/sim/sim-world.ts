import { MemoryMetadata } from '../support/memory-metadata.js';
import { seededRandom } from '../support/seeded-random.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { type Fate, VirtualNetwork } from '../support/virtual-network.js';
import { DiskWatch } from './disk-watch.js';
import { STATEMENT_TIMEOUT_MS } from './remote-stores.js';
import { SeededChoice } from './seeded-choice.js';
import { SimCoordinator } from './sim-coordinator.js';
import { SimNode } from './sim-node.js';
import { SimProcess } from './sim-process.js';

export const VIRTUAL_NODES = 4;
/** A supervisor's. */
const RESTART_MS = 200;
const SLOW_MAX_MS = 150;
const SKEW_USUAL_MAX_MS = 50;
/** A statement that nobody waits for any more runs by then. */
const LATE_MAX_MS = 4000;
export const TENANT = 'demo';
const OTHER_TENANT = 'other';
/** Of another tenant, and the only key that is written at level one. */
export const RELAXED_KEY = 'relaxed';

/** What the network and the stores do at the moment; faults change it. */
export interface Weather {
  latencyMinMs: number;
  latencyMaxMs: number;
  dropped: number;
  doubled: number;
  overtaken: number;
  /** How fast bytes leave for a peer; undefined: at once. */
  bytesPerMs: number | undefined;
  flushMaxMs: number;
  storeLatencyMaxMs: number;
  storeDown: boolean;
  storeRequestLost: number;
  storeAnswerLost: number;
  storeLate: number;
  /** "from>to" of what nothing gets through. */
  readonly cuts: Set<string>;
  /** Processes that everything takes long to and from. */
  readonly slow: Set<string>;
  /** The process whose next frames, after so many, reach one peer only, as it crashes in the middle of sending. */
  trap: { readonly name: string; framesLeft: number; readonly spring: () => void } | undefined;
}

/** A whole cluster on one virtual clock, from one seed. */
export class SimWorld {
  readonly clock = new VirtualClock();
  readonly choice: SeededChoice;
  readonly weather: Weather = fairWeather();
  readonly metadata: MemoryMetadata;
  /** The metadata store's own clock. */
  readonly store: SimProcess;
  readonly nodes: SimNode[];
  readonly coordinators: SimCoordinator[];
  readonly network: VirtualNetwork;
  /** Things that must never happen, seen while the world ran. */
  readonly violations: string[] = [];
  /** A storage node was set back to an earlier state of its folder, and has forgotten what it acknowledged since. */
  hasForgotten = false;
  /** The last late statement has run at the metadata store by then. */
  lateUntilMs = 0;
  #nextPort = 7000;

  constructor(seed: number) {
    const { clock, weather } = this;
    this.choice = new SeededChoice(seededRandom(seed));
    const { choice } = this;
    const random = seededRandom(seed ^ 0x5eed);
    const store = new SimProcess('store', clock);
    this.store = store;
    this.metadata = new MemoryMetadata(random, () => store.wallMs());
    this.network = new VirtualNetwork(clock, {
      latencyMs: (from, to) => {
        const far = weather.slow.has(from) || weather.slow.has(to);
        return choice.between(weather.latencyMinMs, far ? SLOW_MAX_MS : weather.latencyMaxMs);
      },
      fate: (from) => this.#fate(from),
      bytesPerMs: () => weather.bytesPerMs,
      cut: (from, to) => weather.cuts.has(`${from}>${to}`),
    });
    const conduct = {
      latencyMs: () => choice.between(0.2, weather.storeLatencyMaxMs),
      get down() {
        return weather.storeDown;
      },
      fate: () => {
        if (choice.chance(weather.storeRequestLost)) return 'request_lost' as const;
        if (choice.chance(weather.storeAnswerLost)) return 'answer_lost' as const;
        return choice.chance(weather.storeLate) ? ('late' as const) : ('answered' as const);
      },
      lateMs: () => {
        const lateMs = choice.between(STATEMENT_TIMEOUT_MS, LATE_MAX_MS);
        this.lateUntilMs = Math.max(this.lateUntilMs, clock.monotonicMs() + lateMs);
        return lateMs;
      },
    };
    const { network, metadata } = this;
    const flushMs = () => choice.between(0.3, weather.flushMaxMs);
    const watch = new DiskWatch(this.violations);
    this.nodes = ['a', 'b', 'c', 'd', 'e'].slice(0, choice.oneOf([3, 3, 3, 4, 5])).map((nodeId) => {
      const onFailure = (failure: unknown) => this.#nodeFailed(nodeId, failure);
      return new SimNode({ nodeId, clock, network, random, flushMs, watch, onFailure }, this.#nextPort++);
    });
    this.coordinators = ['k1', 'k2', 'k3']
      .slice(0, choice.oneOf([2, 2, 3]))
      .map((coordinatorId) => new SimCoordinator({ coordinatorId, clock, network, random, metadata, store: conduct }));
    // No two clocks agree, even where nothing is wrong with them.
    for (const coordinator of this.coordinators) coordinator.jumpClock(choice.between(-1, 1) * SKEW_USUAL_MAX_MS);
  }

  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** Starts everything on metadata that has the nodes as members and the tenants already. */
  async begin(): Promise<void> {
    await this.clock.settle(Promise.all(this.nodes.map((node) => node.start())));
    for (const { nodeId, host, port, node } of this.nodes) {
      const storeId = node?.identity.storeId ?? '';
      this.metadata.nodes.set(nodeId, {
        nodeId,
        host,
        port,
        virtualNodes: VIRTUAL_NODES,
        zone: '',
        status: 'active',
        storeId,
      });
    }
    for (const tenantId of [TENANT, OTHER_TENANT]) {
      const number = this.metadata.nextTenantNumber++;
      this.metadata.tenants.set(tenantId, { tenantId, number, replicationFactor: 3, createdAt: 1, updatedAt: 1 });
    }
    await this.clock.settle(Promise.all(this.coordinators.map((coordinator) => coordinator.start())));
    await this.clock.advance(50);
  }

  /** A storage node that was down comes back at another address, as rescheduled pods do. */
  newPort(): number {
    return this.#nextPort++;
  }

  #nodeFailed(nodeId: string, failure: unknown): void {
    const node = this.nodes.find((one) => one.nodeId === nodeId);
    if (node === undefined || !node.process.alive) return;
    if (!node.disk.full) this.violations.push(`storage node ${nodeId} failed: ${String(failure)}`);
    node.crash(0);
    // Whoever supervises it starts it again; on a full disk it then serves reads.
    this.clock.after(RESTART_MS, () => void (node.process.alive || node.start()));
  }

  #fate(from: string): Fate {
    const { dropped, doubled, overtaken, trap } = this.weather;
    if (trap?.name === from) {
      if (trap.framesLeft-- === 0) this.clock.after(0, trap.spring);
      return trap.framesLeft < -1 ? 'dropped' : 'delivered';
    }
    if (dropped + doubled + overtaken === 0) return 'delivered';
    const drawn = this.choice.fraction();
    if (drawn < dropped) return 'dropped';
    if (drawn < dropped + doubled) return 'doubled';
    return drawn < dropped + doubled + overtaken ? 'overtaken' : 'delivered';
  }
}

export function tenantOf(key: string): string {
  return key === RELAXED_KEY ? OTHER_TENANT : TENANT;
}

export function fairWeather(): Weather {
  return {
    latencyMinMs: 0.1,
    latencyMaxMs: 0.6,
    dropped: 0,
    doubled: 0,
    overtaken: 0,
    bytesPerMs: undefined,
    flushMaxMs: 2,
    storeLatencyMaxMs: 1,
    storeDown: false,
    storeRequestLost: 0,
    storeAnswerLost: 0,
    storeLate: 0,
    cuts: new Set(),
    slow: new Set(),
    trap: undefined,
  };
}
