import type { WriteOutcome } from '../../src/services/coordinator-services.js';
import { type Attempt, isSettled, noteOf, outcomeOf, unsettledOutcomeOf } from './attempt.js';
import type { ClientConnection, WritePlan } from './client-connection.js';
import type { Level, Outcome } from './history.js';
import type { SimWorld } from './sim-world.js';

const ATTEMPTS_MAX = 4;

/** One write under a client's idempotency key, with all its attempts: together they are one operation. */
export class KeyedOperation {
  readonly #world: SimWorld;
  readonly #connection: ClientConnection;
  readonly #plan: WritePlan;
  readonly #attempts: Attempt<WriteOutcome>[] = [];
  readonly #notes: string[] = [];

  constructor(world: SimWorld, connection: ClientConnection, plan: WritePlan) {
    this.#world = world;
    this.#connection = connection;
    this.#plan = plan;
  }

  get outcome(): Outcome {
    const settled = this.#plan.level === 'one' || this.#attempts.some(isSettled);
    return settled ? outcomeOf(this.#attempts) : unsettledOutcomeOf(this.#attempts);
  }

  get note(): string {
    return `keyed: ${this.#notes.join(', ')}`;
  }

  /** Attempts until one succeeds, at times two at once on two coordinators. */
  async run(): Promise<void> {
    const { choice, clock } = this.#world;
    // A client may send the same write again at another level: it is the same write all the same.
    const levels: readonly Level[] = choice.chance(0.3) ? ['one', 'quorum', 'all'] : [this.#plan.level];
    const attempt = () => this.#attempt({ ...this.#plan, level: choice.oneOf(levels) });
    const tries = choice.integer(1, ATTEMPTS_MAX);
    const twins: Promise<unknown>[] = [];
    for (let i = 0; i < tries && !this.#attempts.some(isSettled); i++) {
      if (choice.chance(0.2)) twins.push(attempt());
      await attempt();
      if (i + 1 < tries) await new Promise<void>((resolve) => void clock.after(choice.between(0, 100), resolve));
    }
    await Promise.all(twins);
  }

  /** A duplicate, perhaps much later, and at times another value under the same key: neither has any effect. */
  async sendAgain(): Promise<void> {
    const { choice, violations, hasForgotten } = this.#world;
    const { value } = this.#plan;
    if (choice.chance(0.2)) {
      const again = await this.#attempt(this.#plan);
      if (again.kind === 'failed' && again.error.kind === 'idempotency_conflict')
        violations.push(`a duplicate of ${value} was taken for a conflict`);
      if (again.kind === 'ok' && !again.result.isDuplicate && !hasForgotten)
        violations.push(`a duplicate of ${value} was no duplicate`);
    }
    if (choice.chance(0.15)) {
      const conflicting = { ...this.#plan, value: `${value}-conflicting` };
      const attempt = await this.#connection.write(this.#anybody(), conflicting);
      if (attempt.kind === 'ok') violations.push(`${conflicting.value} was accepted under the key of ${value}`);
    }
    const firsts = this.#attempts.filter((attempt) => attempt.kind === 'ok' && !attempt.result.isDuplicate);
    if (firsts.length > 1 && !hasForgotten)
      violations.push(`${firsts.length} requests were told that they were the first of ${value}`);
  }

  async #attempt(plan: WritePlan): Promise<Attempt<WriteOutcome>> {
    const coordinator = this.#anybody();
    const attempt = await this.#connection.write(coordinator, plan);
    this.#attempts.push(attempt);
    this.#notes.push(`${coordinator.coordinatorId}${noteOf(attempt)}`);
    return attempt;
  }

  #anybody() {
    return this.#world.choice.oneOf(this.#world.coordinators);
  }
}
