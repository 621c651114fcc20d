import { setMaxListeners } from 'node:events';
import { QuorateError } from '../../src/domain/errors.js';
import type { CallContext, CoordinatorServices, WriteOutcome } from '../../src/services/coordinator-services.js';
import type { HistoryEntry, Outcome } from './history.js';
import type { SimCoordinator } from './sim-coordinator.js';
import { type SimWorld, TENANT } from './sim-world.js';

const CLIENT_LATENCY_MAX_MS = 1;
/** The client gives up waiting; the request may go on. */
const PATIENCE_MS = 2000;
const ATTEMPTS_MAX = 4;

/** Making a signal costs more than all else of an attempt. */
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

type Attempt<Result> =
  | { readonly kind: 'ok'; readonly result: Result }
  | { readonly kind: 'failed'; readonly error: QuorateError }
  /** Nobody took the request. */
  | { readonly kind: 'refused' }
  /** No answer came. */
  | { readonly kind: 'lost' };

type Level = HistoryEntry['level'];

interface WritePlan {
  readonly key: string;
  readonly value: string;
  readonly level: Level;
  readonly idempotencyKey: string;
}

/** Keys of each idempotency scope and what was written under it, so that conflicting writes can be made on purpose. */
export type UsedKeys = Map<string, { readonly idempotencyKey: string; readonly key: string; readonly value: string }>;

/** One client: one operation after the other, against whichever coordinator; what it saw goes into the history. */
export class SimClient {
  readonly #name: string;
  readonly #world: SimWorld;
  readonly #keys: readonly string[];
  readonly #used: UsedKeys;
  readonly history: HistoryEntry[] = [];
  #count = 0;

  constructor(name: string, world: SimWorld, keys: readonly string[], used: UsedKeys) {
    this.#name = name;
    this.#world = world;
    this.#keys = keys;
    this.#used = used;
  }

  async run(operations: number, thinkMaxMs: number): Promise<void> {
    const { choice } = this.#world;
    for (let i = 0; i < operations; i++) {
      await this.#sleep(choice.between(0, thinkMaxMs));
      const level = choice.chance(0.1) ? 'one' : choice.chance(0.15) ? 'all' : 'quorum';
      // Writes at level one have keys of their own: they promise nothing to the others.
      const key = level === 'one' ? 'relaxed' : choice.oneOf(this.#keys);
      if (choice.chance(0.65)) await this.read(key, level);
      else await this.write(key, level);
    }
  }

  async read(key: string, level: Level, coordinator = this.#anybody()): Promise<HistoryEntry> {
    const invokedMs = this.#world.nowMs;
    const request = { tenantId: TENANT, key, consistency: level };
    const attempt = await this.#attempt(coordinator, (services, context) =>
      services.read(request, context).then(({ value }) => Buffer.from(value).toString(), absentIsAnAnswer),
    );
    const ok = attempt.kind === 'ok';
    return this.#record({
      kind: 'read',
      key,
      level,
      value: ok ? attempt.result : undefined,
      invokedMs,
      outcome: ok ? 'ok' : 'failed',
      note: `${coordinator.coordinatorId}${noteOf(attempt)}`,
    });
  }

  async write(key: string, level: Level): Promise<void> {
    const { choice } = this.#world;
    const value = this.#nextValue();
    const keyed = choice.chance(0.4);
    const plan = { key, value, level, idempotencyKey: keyed ? `i-${value}` : '' };
    if (keyed) {
      this.#used.set(value, plan);
      return this.#writeKeyed(plan);
    }
    const attempt = await this.#writePlainly(plan, this.#anybody());
    if (attempt.kind === 'ok' && choice.chance(0.2)) await this.#sendSealedAgain(plan, attempt.result.idempotencyKey);
  }

  /** One plain attempt. */
  async writeOnce(key: string, level: Level, coordinator: SimCoordinator): Promise<void> {
    await this.#writePlainly({ key, value: this.#nextValue(), level, idempotencyKey: '' }, coordinator);
  }

  async #writePlainly(plan: WritePlan, coordinator: SimCoordinator): Promise<Attempt<WriteOutcome>> {
    const { key, level, value } = plan;
    const invokedMs = this.#world.nowMs;
    const attempt = await this.#attemptWrite(coordinator, plan);
    const outcome = outcomeOf([attempt]);
    const note = `${coordinator.coordinatorId}${noteOf(attempt)}`;
    this.#record({ kind: 'write', key, level, value, invokedMs, outcome, note });
    return attempt;
  }

  /** Attempts until one succeeds, at times two at once on two coordinators: all of them are one operation. */
  async #writeKeyed(plan: WritePlan): Promise<void> {
    const { choice } = this.#world;
    const invokedMs = this.#world.nowMs;
    const attempts: Attempt<WriteOutcome>[] = [];
    const notes: string[] = [];
    // A client may send the same write again at another level: it is the same write all the same.
    const levels: readonly Level[] = choice.chance(0.3) ? ['one', 'quorum', 'all'] : [plan.level];
    const attempt = async () => {
      const coordinator = this.#anybody();
      const result = await this.#attemptWrite(coordinator, { ...plan, level: choice.oneOf(levels) });
      attempts.push(result);
      notes.push(`${coordinator.coordinatorId}${noteOf(result)}`);
      return result;
    };
    const tries = choice.integer(1, ATTEMPTS_MAX);
    const twins: Promise<unknown>[] = [];
    for (let i = 0; i < tries && !attempts.some(isSettled); i++) {
      if (choice.chance(0.2)) twins.push(attempt());
      await attempt();
      if (i + 1 < tries) await this.#sleep(choice.between(0, 100));
    }
    await Promise.all(twins);
    const outcome = plan.level === 'one' || attempts.some(isSettled) ? outcomeOf(attempts) : unsettled(attempts);
    const { key, level, value } = plan;
    this.#record({ kind: 'write', key, level, value, invokedMs, outcome, note: `keyed: ${notes.join(', ')}` });
    if (outcome === 'ok') await this.#sendKeyedAgain(plan);
  }

  /** A duplicate, perhaps much later, and at times another value under the same key: neither has any effect. */
  async #sendKeyedAgain(plan: WritePlan): Promise<void> {
    const { choice, violations } = this.#world;
    if (choice.chance(0.2)) {
      const again = await this.#attemptWrite(this.#anybody(), plan);
      if (again.kind === 'failed' && again.error.kind === 'idempotency_conflict')
        violations.push(`a duplicate of ${plan.value} was taken for a conflict`);
    }
    if (choice.chance(0.15)) {
      const conflicting = { ...plan, value: `${plan.value}-conflicting` };
      const attempt = await this.#attemptWrite(this.#anybody(), conflicting);
      if (attempt.kind === 'ok')
        violations.push(`${conflicting.value} was accepted under the idempotency key of ${plan.value}`);
    }
  }

  async #sendSealedAgain(plan: WritePlan, idempotencyKey: string): Promise<void> {
    await this.#sleep(this.#world.choice.between(0, 300));
    const again = await this.#attemptWrite(this.#anybody(), { ...plan, idempotencyKey });
    const { violations } = this.#world;
    if (again.kind === 'ok' && !again.result.isDuplicate) violations.push(`the sealed write ${plan.value} ran again`);
    if (again.kind === 'failed' && again.error.kind === 'invalid_field' && this.#clocksAgree()) {
      violations.push(`the sealed key of ${plan.value} was refused: ${again.error.message}`);
    }
  }

  #attemptWrite(
    coordinator: SimCoordinator,
    { key, value, level, idempotencyKey }: WritePlan,
  ): Promise<Attempt<WriteOutcome>> {
    const request = { tenantId: TENANT, key, value: Buffer.from(value), consistency: level, idempotencyKey };
    return this.#attempt(coordinator, (services, context) => services.write(request, context));
  }

  /** Sends a request to a coordinator over a network that loses nothing but what a crash or impatience loses. */
  #attempt<Result>(
    { process, services }: SimCoordinator,
    call: (services: CoordinatorServices, context: CallContext) => Promise<Result>,
  ): Promise<Attempt<Result>> {
    const { clock, choice } = this.#world;
    const timeoutMs = choice.oneOf([100, 500, 1500, 1500]);
    const abort = choice.chance(0.1) ? new AbortController() : undefined;
    return new Promise((resolve) => {
      const patience = clock.after(PATIENCE_MS, () => {
        if (process.alive) process.run(() => abort?.abort());
        resolve({ kind: 'lost' });
      });
      const answer = (attempt: Attempt<Result>) =>
        clock.after(choice.between(0.1, CLIENT_LATENCY_MAX_MS), () => {
          patience.cancel();
          resolve(attempt);
        });
      clock.after(choice.between(0.1, CLIENT_LATENCY_MAX_MS), () => {
        if (!process.alive || services === undefined) return void answer({ kind: 'refused' });
        process.run(() => {
          const wallMs = process.wallMs();
          const context = {
            deadlineMs: process.monotonicMs() + timeoutMs,
            deadlineWallMs: wallMs + timeoutMs,
            signal: abort?.signal ?? NEVER,
          };
          call(services, context).then(
            (result) => process.run(() => void answer({ kind: 'ok', result })),
            (error: unknown) => process.run(() => void answer(this.#failed(error))),
          );
        });
      });
    });
  }

  #failed(error: unknown): Attempt<never> {
    if (error instanceof QuorateError && error.kind !== 'internal') return { kind: 'failed', error };
    this.#world.violations.push(`an unexpected failure: ${error instanceof Error ? error.stack : String(error)}`);
    return { kind: 'lost' };
  }

  #nextValue(): string {
    return `${this.#name}-${++this.#count}`;
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

  #record(entry: Omit<HistoryEntry, 'client' | 'returnedMs'>): HistoryEntry {
    const returnedMs =
      entry.kind === 'write' && entry.outcome === 'unknown' ? Number.POSITIVE_INFINITY : this.#world.nowMs;
    const recorded = { ...entry, client: this.#name, returnedMs };
    this.history.push(recorded);
    return recorded;
  }
}

/** One success decides; else one attempt of unknown outcome leaves the whole operation unknown. */
function outcomeOf(attempts: readonly Attempt<unknown>[]): Outcome {
  if (attempts.some(({ kind }) => kind === 'ok')) return 'ok';
  return attempts.some(isUnknown) ? 'unknown' : 'failed';
}

/** Acknowledged by more than one replica. */
function isSettled(attempt: Attempt<WriteOutcome>): boolean {
  return attempt.kind === 'ok' && attempt.result.level !== 'one';
}

/** What one replica acknowledged may be lost with it, or not. */
function unsettled(attempts: readonly Attempt<WriteOutcome>[]): Outcome {
  return attempts.some((attempt) => attempt.kind === 'ok' || isUnknown(attempt)) ? 'unknown' : 'failed';
}

/** Refused with the assurance that nothing was written, now or later. */
function isUnknown(attempt: Attempt<unknown>): boolean {
  if (attempt.kind === 'lost') return true;
  // Another attempt under the same key still runs, and may succeed.
  return attempt.kind === 'failed' && (attempt.error.outcomeUnknown || attempt.error.kind === 'idempotency_running');
}

function absentIsAnAnswer(error: unknown): undefined {
  if (error instanceof QuorateError && error.kind === 'key_not_found') return undefined;
  throw error;
}

function noteOf(attempt: Attempt<unknown>): string {
  if (attempt.kind === 'ok') return '';
  if (attempt.kind !== 'failed') return `: ${attempt.kind}`;
  const { kind, message, outcomeUnknown } = attempt.error;
  return `: ${kind}${outcomeUnknown ? ', unknown' : ''}, ${message}`;
}
