import type { WriteOutcome } from '../../src/services/coordinator-services.js';
import { type Attempt, noteOf, outcomeOf } from './attempt.js';
import { ClientConnection, type WritePlan } from './client-connection.js';
import type { HistoryEntry, Level } from './history.js';
import { KeyedOperation } from './keyed-operation.js';
import type { SimCoordinator } from './sim-coordinator.js';
import { RELAXED_KEY, type SimWorld } from './sim-world.js';
import { CHECKING, LONG_VALUE_BYTES_MAX, LONG_VALUE_BYTES_MIN, type Workload } from './workload.js';

/** One client: one operation after the other, against whichever coordinator; what it saw goes into the history. */
export class SimClient {
  readonly #name: string;
  readonly #world: SimWorld;
  readonly #workload: Workload;
  readonly #connection: ClientConnection;
  readonly history: HistoryEntry[] = [];
  readonly #unknown: WritePlan[] = [];
  #count = 0;

  constructor(name: string, world: SimWorld, workload: Workload) {
    this.#name = name;
    this.#world = world;
    this.#workload = workload;
    this.#connection = new ClientConnection(world, workload.timeoutsMs);
  }

  async run(operations: number): Promise<void> {
    const { choice } = this.#world;
    for (let i = 0; i < operations; i++) {
      await this.#sleep(choice.between(0, this.#workload.thinkMaxMs));
      const level = choice.chance(0.1) ? 'one' : choice.chance(0.15) ? 'all' : 'quorum';
      // Writes at level one have a key of their own: they promise nothing to the others.
      const key = level === 'one' ? RELAXED_KEY : choice.oneOf(this.#workload.keys);
      if (choice.chance(0.65)) await this.read(key, level);
      else await this.#write(key, level);
    }
  }

  async read(key: string, level: Level, coordinator = this.#anybody()): Promise<HistoryEntry> {
    const invokedMs = this.#world.nowMs;
    const attempt = await this.#connection.read(coordinator, key, level);
    const ok = attempt.kind === 'ok';
    const value = ok ? attempt.result : undefined;
    const note = `${coordinator.coordinatorId}${noteOf(attempt)}`;
    return this.#record({ kind: 'read', key, level, value, invokedMs, outcome: ok ? 'ok' : 'failed', note });
  }

  /** One plain attempt. */
  async writeOnce(key: string, level: Level, coordinator: SimCoordinator): Promise<void> {
    await this.#writePlainly(this.#plan(key, level), coordinator);
  }

  /** After quiet a client that never heard how a keyed write ended sends it again, and hears it. */
  async settleUnknown(): Promise<void> {
    const patient = new ClientConnection(this.#world, CHECKING.timeoutsMs);
    for (const plan of this.#unknown) {
      const level = plan.level === 'all' ? 'quorum' : plan.level;
      const attempt = await patient.write(this.#anybody(), { ...plan, level });
      if (attempt.kind !== 'ok' && !(this.#world.store.jumped && isTooFarAhead(attempt)))
        this.#world.violations.push(`after quiet nobody says how ${plan.value} ended${noteOf(attempt)}`);
    }
  }

  async #write(key: string, level: Level): Promise<void> {
    const { choice } = this.#world;
    const plan = this.#plan(key, level);
    if (choice.chance(0.4)) return this.#writeKeyed({ ...plan, idempotencyKey: `i-${plan.value}` });
    const attempt = await this.#writePlainly(plan, this.#anybody());
    if (attempt.kind === 'ok' && choice.chance(0.2)) await this.#sendSealedAgain(plan, attempt.result.idempotencyKey);
  }

  async #writePlainly(plan: WritePlan, coordinator: SimCoordinator): Promise<Attempt<WriteOutcome>> {
    const invokedMs = this.#world.nowMs;
    const attempt = await this.#connection.write(coordinator, plan);
    const note = `${coordinator.coordinatorId}${noteOf(attempt)}`;
    this.#record({ kind: 'write', ...plan, invokedMs, outcome: outcomeOf([attempt]), note });
    return attempt;
  }

  async #writeKeyed(plan: WritePlan): Promise<void> {
    const invokedMs = this.#world.nowMs;
    const operation = new KeyedOperation(this.#world, this.#connection, plan);
    await operation.run();
    const { outcome, note } = operation;
    this.#record({ kind: 'write', ...plan, invokedMs, outcome, note });
    if (outcome === 'ok') await operation.sendAgain();
    else if (outcome === 'unknown') this.#unknown.push(plan);
  }

  async #sendSealedAgain(plan: WritePlan, idempotencyKey: string): Promise<void> {
    await this.#sleep(this.#world.choice.between(0, 300));
    const again = await this.#connection.write(this.#anybody(), { ...plan, idempotencyKey });
    const { violations } = this.#world;
    if (again.kind === 'ok' && !again.result.isDuplicate) violations.push(`the sealed write ${plan.value} ran again`);
    if (again.kind === 'failed' && again.error.kind === 'invalid_field' && this.#clocksAgree()) {
      violations.push(`the sealed key of ${plan.value} was refused: ${again.error.message}`);
    }
  }

  #plan(key: string, level: Level): WritePlan {
    const { choice } = this.#world;
    const isLong = choice.chance(this.#workload.longValues);
    // Most are short for long ones.
    const bytes = () => LONG_VALUE_BYTES_MIN * (LONG_VALUE_BYTES_MAX / LONG_VALUE_BYTES_MIN) ** choice.fraction();
    const valueBytes = isLong ? Math.floor(bytes()) : 0;
    return { key, value: `${this.#name}-${++this.#count}`, valueBytes, level, idempotencyKey: '' };
  }

  #clocksAgree(): boolean {
    return this.#world.coordinators.every(({ skewMs }) => Math.abs(skewMs) < 100_000);
  }

  #anybody(): SimCoordinator {
    return this.#world.choice.oneOf(this.#world.coordinators);
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#world.clock.after(delayMs, resolve));
  }

  #record({
    kind,
    key,
    level,
    value,
    invokedMs,
    outcome,
    note,
  }: Omit<HistoryEntry, 'client' | 'returnedMs'>): HistoryEntry {
    const returnedMs = kind === 'write' && outcome === 'unknown' ? Number.POSITIVE_INFINITY : this.#world.nowMs;
    const entry = { client: this.#name, kind, key, level, value, invokedMs, returnedMs, outcome, note };
    this.history.push(entry);
    return entry;
  }
}

/** A dot that was reserved while every clock was hours ahead, and reached nobody: no replica takes it before its time comes. */
function isTooFarAhead(attempt: Attempt<unknown>): boolean {
  return attempt.kind === 'failed' && attempt.error.message.includes('more than an hour beyond this node');
}
