import type { Dot } from '../domain/clock.js';
import { QuorateError } from '../domain/errors.js';
import {
  type IdempotencyRecord,
  type IdempotencyScope,
  sameFingerprint,
  type WriteAnswer,
  writeFingerprint,
} from '../domain/idempotency.js';
import type { Level } from '../domain/level.js';
import { type Clock, sleep } from '../ports/clock.js';
import type { IdempotencyStore } from '../ports/idempotency-store.js';
import type { Log } from '../ports/log.js';
import type { CallContext, WriteOutcome } from './coordinator-services.js';
import { inTime } from './operation-deadline.js';
import type { KeyTarget } from './replica-plan.js';
import type { ReplicatedWrite } from './replicated-write.js';
import { idempotencyConflict } from './sealed-writes.js';

const TWIN_POLL_MIN_MS = 5;
const TWIN_POLL_MAX_MS = 100;

/** What the time of a request goes to before anything is sent. */
type Asked = 'replicas' | 'store';
const ASKED: Readonly<Record<Asked, string>> = {
  replicas: 'the replicas were asked for the greatest timestamp that they ever stored',
  store: 'the metadata store (PostgreSQL) was asked',
};

export interface KeyedWritesParts {
  readonly store: IdempotencyStore;
  readonly writes: ReplicatedWrite;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this coordinator's attempts; with a number behind it each is unique. */
  readonly actor: string;
  readonly leaseMs: number;
  /** How long a request waits for a twin that runs. */
  readonly twinWaitMs: number;
}

/** One request with a client's idempotency key. */
export interface KeyedWrite {
  readonly target: KeyTarget;
  readonly value: Uint8Array;
  readonly level: Level;
  readonly idempotencyKey: string;
  /** UTF-8. */
  readonly idempotencyKeyBytes: Uint8Array;
}

/** A request on its way: what it is about, under which lease. */
interface Attempt extends KeyedWrite {
  readonly scope: IdempotencyScope;
  readonly fingerprint: Uint8Array;
  readonly owner: string;
  readonly context: CallContext;
  asked: Asked;
}

/** The right to send: under the row's dot, whoever took it first. */
interface Lease {
  readonly dot: Dot;
  /** False after a take-over: an earlier owner may have sent the dot. */
  readonly first: boolean;
}

type Claim = ({ readonly kind: 'lease' } & Lease) | { readonly kind: 'answered'; readonly answer: WriteAnswer };

/**
 * Writes under clients' idempotency keys: ask, take the dot, reserve key, fingerprint and dot, only then send. The dot
 * never changes: first owner, twin, take-over and a zombie owner all send the same one, so the write happens once.
 */
export class KeyedWrites {
  readonly #parts: KeyedWritesParts;
  /** Requests of this process that run, by scope: a twin waits here instead of polling. Bounded by running calls. */
  readonly #running = new Map<string, Promise<unknown>>();
  #attempts = 0;

  constructor(parts: KeyedWritesParts) {
    this.#parts = parts;
  }

  /** @throws QuorateError idempotency_conflict, idempotency_running, and what a write throws */
  async write(write: KeyedWrite, context: CallContext): Promise<WriteOutcome> {
    const { target, idempotencyKey, idempotencyKeyBytes } = write;
    const scope = { tenantNumber: target.tenant.number, key: target.key, idempotencyKey: idempotencyKeyBytes };
    const name = JSON.stringify([scope.tenantNumber, Buffer.from(scope.key).toString('latin1'), idempotencyKey]);
    const owner = `${this.#parts.actor}/${++this.#attempts}`;
    const fingerprint = writeFingerprint(write.value);
    const attempt: Attempt = { ...write, scope, fingerprint, owner, context, asked: 'replicas' };
    await this.#awaitLocalTwin(name, attempt);
    const run = this.#run(attempt);
    this.#running.set(name, run);
    try {
      return await run;
    } finally {
      if (this.#running.get(name) === run) this.#running.delete(name);
    }
  }

  /** The twin's answer is then found in the store, or its row there is free. */
  async #awaitLocalTwin(name: string, { context }: Attempt): Promise<void> {
    const { clock, twinWaitMs } = this.#parts;
    const untilMs = Math.min(clock.monotonicMs() + twinWaitMs, context.deadlineMs);
    for (let twin = this.#running.get(name); twin !== undefined; twin = this.#running.get(name)) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) throw stillRunning();
      const over = new AbortController();
      const settled = twin.then(
        () => over.abort(),
        () => over.abort(),
      );
      await Promise.race([settled, sleep(clock, leftMs, over.signal)]);
    }
  }

  async #run(attempt: Attempt): Promise<WriteOutcome> {
    const { idempotencyKey } = attempt;
    const claiming = this.#ask(attempt);
    const claim = await inTime(this.#parts.clock, attempt.context, claiming);
    if (claim === undefined) {
      this.#abandon(attempt, claiming);
      const asked = ASKED[attempt.asked];
      throw new QuorateError('deadline_exceeded', `the deadline passed while ${asked}; nothing was written`);
    }
    if (claim.kind === 'answered') return { idempotencyKey, ...claim.answer, isDuplicate: true };
    const answer = await this.#send(attempt, claim);
    return { idempotencyKey, ...answer, isDuplicate: false };
  }

  /** Replicas that can't be asked don't keep an earlier answer from being returned. */
  async #ask(attempt: Attempt): Promise<Claim> {
    const { store, writes } = this.#parts;
    const { target, level, context, scope, fingerprint } = attempt;
    let dot: Dot;
    try {
      writes.checkReachable(target, level, context);
      dot = await writes.takeDot(target, level, context);
    } catch (error) {
      attempt.asked = 'store';
      const known = await store.find(scope);
      if (known === undefined) throw error;
      if (!sameFingerprint(known.fingerprint, fingerprint)) throw idempotencyConflict();
      if (known.state.kind !== 'answered') throw error;
      return { kind: 'answered', answer: known.state.answer };
    }
    attempt.asked = 'store';
    return this.#claim(attempt, dot);
  }

  /** Reserves, or waits for whoever did, or takes over from whoever gave up. */
  async #claim(attempt: Attempt, dot: Dot): Promise<Claim> {
    const { store, clock, twinWaitMs, leaseMs } = this.#parts;
    const { scope, fingerprint, owner, context } = attempt;
    const untilMs = Math.min(clock.monotonicMs() + twinWaitMs, context.deadlineMs);
    let known: IdempotencyRecord | undefined;
    for (let pauseMs = TWIN_POLL_MIN_MS; ; pauseMs = Math.min(pauseMs * 2, TWIN_POLL_MAX_MS)) {
      if (known === undefined) {
        const result = await store.reserve({ scope, fingerprint, dot, owner, leaseMs });
        if (result.kind === 'reserved') return { kind: 'lease', dot, first: true };
        known = result.record;
      }
      if (!sameFingerprint(known.fingerprint, fingerprint)) throw idempotencyConflict();
      if (known.state.kind === 'answered') return { kind: 'answered', answer: known.state.answer };
      if (known.state.kind === 'free') {
        const taken = await store.takeOver(scope, fingerprint, owner, leaseMs);
        if (taken !== undefined) return { kind: 'lease', dot: taken, first: false };
      } else {
        if (clock.monotonicMs() >= untilMs) throw stillRunning();
        await sleep(clock, pauseMs, context.signal);
        if (context.signal.aborted) throw stillRunning();
      }
      known = await store.find(scope);
    }
  }

  async #send(attempt: Attempt, lease: Lease): Promise<WriteAnswer> {
    const { store, writes } = this.#parts;
    const { scope, target, value, level, context } = attempt;
    try {
      const acknowledged = await writes.send(target, lease.dot, value, level, context);
      const answer = { ...acknowledged, level };
      this.#lazily(store.storeAnswer(scope, lease.dot, answer), 'storing the answer of an idempotent write');
      return answer;
    } catch (error) {
      await this.#giveUp(attempt, lease, !(error instanceof QuorateError) || error.outcomeUnknown);
      throw error;
    }
  }

  /** What the store still answers comes too late; nothing was sent under it. */
  #abandon(attempt: Attempt, claiming: Promise<Claim>): void {
    claiming.then(
      (claim) => (claim.kind === 'lease' ? this.#giveUp(attempt, claim, false) : undefined),
      () => {},
    );
  }

  /** After an unknown outcome the row keeps its dot; only a reservation of which nothing was sent goes. */
  async #giveUp({ scope, owner }: Attempt, lease: Lease, mayBeSent: boolean): Promise<void> {
    const { store, log } = this.#parts;
    const nothingSent = lease.first && !mayBeSent;
    try {
      await (nothingSent ? store.forget(scope, owner) : store.release(scope, owner));
    } catch (err) {
      log.warn({ err }, 'an idempotency row stays reserved until its lease is over');
    }
  }

  /** A lost answer is rebuilt by the next take-over. */
  #lazily(work: Promise<void>, doing: string): void {
    work.catch((err: unknown) => this.#parts.log.warn({ err }, `${doing} failed`));
  }
}

function stillRunning(): QuorateError {
  return new QuorateError(
    'idempotency_running',
    'the first request with this idempotency_key still runs; send the same request again',
  );
}
