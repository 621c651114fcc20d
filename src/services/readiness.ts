import { someRangeHasMajority } from '../domain/availability.js';
import { healthOf } from '../domain/node-health.js';
import { REPLICATION_FACTOR_DEFAULT } from '../domain/request-fields.js';
import type { TopologySnapshot } from '../domain/topology.js';
import type { ReplicaStreams } from '../ports/replica-stream.js';
import type { AheadWatch } from './ahead-watch.js';
import type { ClockGuard } from './clock-guard.js';
import type { TopologyWatch } from './topology-watch.js';

export type Readiness =
  /** @property note for operators */
  { readonly ready: true; readonly note?: string } | { readonly ready: false; readonly reason: string };

const READY: Readiness = { ready: true };

export interface ReadinessParts {
  readonly guard: ClockGuard;
  readonly ahead: AheadWatch;
  readonly topology: TopologyWatch;
  readonly replicas: ReplicaStreams;
}

/** Whether this coordinator should be sent requests; stays so while PostgreSQL is away. */
export class ReadinessCheck {
  readonly #parts: ReadinessParts;
  /** The last answer, and what it was given for: it is asked for often and changes rarely. */
  #last:
    | { readonly snapshot: TopologySnapshot; readonly tenants: number; readonly up: string; readonly serves: boolean }
    | undefined;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  current(): Readiness {
    const { refusal } = this.#parts.guard;
    if (refusal !== undefined) return { ready: false, reason: refusal };
    const { lag } = this.#parts.topology;
    if (lag !== undefined) return { ready: false, reason: lag };
    if (!this.#serves()) return { ready: false, reason: 'no range has a majority of its replicas up' };
    const { note } = this.#parts.ahead;
    return note === undefined ? READY : { ready: true, note };
  }

  /** A cluster without nodes is ready for its first ones. */
  #serves(): boolean {
    const { snapshot } = this.#parts.topology;
    const { ring, tenants } = snapshot;
    const upIds = ring.members.map(({ nodeId }) => nodeId).filter((nodeId) => this.#isUp(nodeId));
    const up = upIds.join();
    const last = this.#last;
    if (last?.snapshot === snapshot && last.tenants === tenants.size && last.up === up) return last.serves;
    const factors = new Set([...tenants.values()].map(({ replicationFactor }) => replicationFactor));
    if (factors.size === 0) factors.add(REPLICATION_FACTOR_DEFAULT);
    const isUp = new Set(upIds);
    const hasMajority = (factor: number) => someRangeHasMajority(ring, factor, (nodeId) => isUp.has(nodeId));
    const serves = ring.members.length === 0 || [...factors].some(hasMajority);
    this.#last = { snapshot, tenants: tenants.size, up, serves };
    return serves;
  }

  #isUp(nodeId: string): boolean {
    const { usable, silentMs } = this.#parts.replicas.state(nodeId);
    return usable === true && healthOf(silentMs) !== 'down';
  }
}
