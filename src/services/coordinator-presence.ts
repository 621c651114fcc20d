import type { Clock } from '../ports/clock.js';
import type { CoordinatorStore } from '../ports/coordinator-store.js';
import type { Log } from '../ports/log.js';
import type { ClockGuard } from './clock-guard.js';

/** This coordinator's row: its incarnation, its heartbeat, and what a heartbeat tells of the clocks. */
export class CoordinatorPresence {
  readonly #store: CoordinatorStore;
  readonly #guard: ClockGuard;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #coordinatorId: string;
  readonly #incarnation: number;
  #replaced = false;

  constructor(
    identity: { readonly coordinatorId: string; readonly incarnation: number },
    parts: {
      readonly store: CoordinatorStore;
      readonly guard: ClockGuard;
      readonly clock: Clock;
      readonly log: Log;
    },
  ) {
    this.#coordinatorId = identity.coordinatorId;
    this.#incarnation = identity.incarnation;
    this.#store = parts.store;
    this.#guard = parts.guard;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** @throws MetadataUnavailableError */
  async beat(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    const { storeWallMs, current } = await this.#store.heartbeat(this.#coordinatorId, this.#incarnation);
    // The store read its clock somewhere between: the middle is off by half the round trip at most.
    const halfTripMs = (this.#clock.monotonicMs() - startedMs) / 2;
    this.#noteSkew(this.#clock.wallMs() - halfTripMs - storeWallMs);
    if (!current && !this.#replaced) {
      this.#log.warn(
        { coordinatorId: this.#coordinatorId },
        'another coordinator was started under the same id; both go on, as each start is an actor of its own',
      );
    }
    this.#replaced = !current;
  }

  #noteSkew(skewMs: number): void {
    const before = this.#guard.refusal;
    this.#guard.compared(skewMs);
    const now = this.#guard.refusal;
    if (now !== undefined && before === undefined) this.#log.error({ skewMs }, now);
    if (now === undefined && before !== undefined)
      this.#log.info({ skewMs }, 'the clocks agree again: writes are taken');
  }
}
