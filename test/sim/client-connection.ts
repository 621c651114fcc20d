import { setMaxListeners } from 'node:events';
import { QuorateError } from '../../src/domain/errors.js';
import type { CallContext, CoordinatorServices, WriteOutcome } from '../../src/services/coordinator-services.js';
import type { Attempt } from './attempt.js';
import type { Level } from './history.js';
import type { SimCoordinator } from './sim-coordinator.js';
import { type SimWorld, tenantOf } from './sim-world.js';
import { nameOf, valueNamed } from './written-values.js';

const LATENCY_MAX_MS = 1;
/** The client gives up waiting; the request may go on. */
const PATIENCE_MS = 2000;

/** Making a signal costs more than all else of an attempt. */
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

export interface WritePlan {
  readonly key: string;
  /** Names the value; no two writes have the same. */
  readonly value: string;
  readonly valueBytes: number;
  readonly level: Level;
  readonly idempotencyKey: string;
}

/** How clients reach coordinators: over a network that loses nothing but what a crash or impatience loses. */
export class ClientConnection {
  readonly #world: SimWorld;
  readonly #timeoutsMs: readonly number[];

  constructor(world: SimWorld, timeoutsMs: readonly number[]) {
    this.#world = world;
    this.#timeoutsMs = timeoutsMs;
  }

  read(coordinator: SimCoordinator, key: string, level: Level): Promise<Attempt<string | undefined>> {
    const request = { tenantId: tenantOf(key), key, consistency: level };
    return this.#attempt(coordinator, (services, context) =>
      services.read(request, context).then(({ value }) => nameOf(value), absentIsAnAnswer),
    );
  }

  write(coordinator: SimCoordinator, plan: WritePlan): Promise<Attempt<WriteOutcome>> {
    const { key, value, valueBytes, level, idempotencyKey } = plan;
    const request = {
      tenantId: tenantOf(key),
      key,
      value: valueNamed(value, valueBytes),
      consistency: level,
      idempotencyKey,
    };
    return this.#attempt(coordinator, async (services, context) => {
      const { knowsThatItsClockIsOff } = coordinator;
      const outcome = await services.write(request, context);
      if (knowsThatItsClockIsOff && !outcome.isDuplicate)
        this.#world.violations.push(`${coordinator.coordinatorId} took ${value}, though its clock is far off`);
      return outcome;
    });
  }

  #attempt<Result>(
    { process, services }: SimCoordinator,
    call: (services: CoordinatorServices, context: CallContext) => Promise<Result>,
  ): Promise<Attempt<Result>> {
    const { clock, choice } = this.#world;
    const timeoutMs = choice.oneOf(this.#timeoutsMs);
    const abort = choice.chance(0.1) ? new AbortController() : undefined;
    return new Promise((resolve) => {
      const patience = clock.after(PATIENCE_MS, () => {
        if (process.alive) process.run(() => abort?.abort());
        resolve({ kind: 'lost' });
      });
      const answer = (attempt: Attempt<Result>) =>
        clock.after(choice.between(0.1, LATENCY_MAX_MS), () => {
          patience.cancel();
          resolve(attempt);
        });
      clock.after(choice.between(0.1, LATENCY_MAX_MS), () => {
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
}

function absentIsAnAnswer(error: unknown): undefined {
  if (error instanceof QuorateError && error.kind === 'key_not_found') return undefined;
  throw error;
}
