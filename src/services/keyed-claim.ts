import type { Dot } from '../domain/clock.js';
import { MetadataUnavailableError } from '../domain/errors.js';
import {
  type IdempotencyRecord,
  type IdempotencyScope,
  sameFingerprint,
  type WriteAnswer,
} from '../domain/idempotency.js';
import type { Level } from '../domain/level.js';
import { type Clock, sleep } from '../ports/clock.js';
import type { IdempotencyStore, KeyedRow } from '../ports/idempotency-store.js';
import type { CallContext } from './coordinator-services.js';
import {
  afterEarlierAttempt,
  idempotencyConflict,
  stillRunning,
  tooLateToSend,
  type Waited,
} from './idempotency-failures.js';
import { type Deadline, isOver } from './operation-deadline.js';
import type { KeyTarget } from './replica-plan.js';
import type { ReplicatedWrite } from './replicated-write.js';
import type { RowChanges } from './row-changes.js';

const TWIN_POLL_MIN_MS = 5;
const TWIN_POLL_MAX_MS = 100;

export interface KeyedClaimParts {
  readonly store: IdempotencyStore;
  readonly changes: RowChanges;
  readonly writes: ReplicatedWrite;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** How long a request waits for a twin that runs. */
  readonly twinWaitMs: number;
}

/** A request on its way, without its value: that must go with the request, however long the store takes to answer. */
export interface Attempt {
  readonly target: KeyTarget;
  readonly level: Level;
  readonly scope: IdempotencyScope;
  readonly fingerprint: Uint8Array;
  readonly owner: string;
  readonly context: CallContext;
}

/** The right to send: under the row's dot, whoever took it first. */
export interface Lease {
  readonly row: KeyedRow;
  /** False after a take-over: an earlier owner may have sent the dot. */
  readonly first: boolean;
  /** An owner before this one may have answered its client. */
  readonly maybeAnswered: boolean;
  /** Counted from before the store was asked: from here on somebody else may have taken over. */
  readonly term: Deadline;
}

export type Claim =
  | { readonly kind: 'lease'; readonly lease: Lease }
  | { readonly kind: 'answered'; readonly answer: WriteAnswer };

/** What one request does before it sends: asks, takes a dot, and reserves, waits for a twin, or takes over. */
export class KeyedClaim {
  readonly #parts: KeyedClaimParts;
  readonly #attempt: Attempt;
  #metEarlier = false;
  #waitsFor: Waited = 'replicas';

  constructor(parts: KeyedClaimParts, attempt: Attempt) {
    this.#parts = parts;
    this.#attempt = attempt;
  }

  /** Whether an earlier attempt under the key is known, which may take effect. */
  get metEarlier(): boolean {
    return this.#metEarlier;
  }

  /** Where its time goes at present. */
  get waitsFor(): Waited {
    return this.#waitsFor;
  }

  /** @throws QuorateError idempotency_conflict, idempotency_running, deadline_exceeded, and what asking and the store throw */
  async run(): Promise<Claim> {
    try {
      return await this.#askAndReserve();
    } catch (error) {
      throw this.#metEarlier ? afterEarlierAttempt(error) : error;
    }
  }

  /**
   * A majority is asked at every level: whoever takes the dot over may have to acknowledge it at "quorum", and then it must
   * be greater than every write that a quorum had acknowledged before.
   */
  async #askAndReserve(): Promise<Claim> {
    const { target, level, context } = this.#attempt;
    let dot: Dot;
    try {
      this.#parts.writes.checkReachable(target, level, context);
      dot = await this.#parts.writes.takeDot(target, 'quorum', context);
    } catch (error) {
      this.#waitsFor = 'store';
      return this.#answerDespite(error);
    }
    this.#waitsFor = 'store';
    return this.#claim(dot);
  }

  /** Replicas that can't be asked don't keep an earlier answer from being returned. */
  async #answerDespite(failure: unknown): Promise<Claim> {
    const known = await this.#find().catch((error: unknown) => {
      throw error instanceof MetadataUnavailableError ? failure : error;
    });
    if (known === undefined) throw failure;
    this.#meet(known);
    if (known.state.kind === 'answered') return { kind: 'answered', answer: known.state.answer };
    throw failure;
  }

  /** Reserves, or waits for whoever did, or takes over from whoever gave up. */
  async #claim(dot: Dot): Promise<Claim> {
    const { clock, twinWaitMs } = this.#parts;
    const untilMs = clock.monotonicMs() + twinWaitMs;
    let known: IdempotencyRecord | undefined;
    for (let pauseMs = TWIN_POLL_MIN_MS; ; pauseMs = Math.min(pauseMs * 2, TWIN_POLL_MAX_MS)) {
      if (known === undefined) {
        const reserved = await this.#reserve(dot);
        if ('lease' in reserved) return reserved;
        known = reserved.known;
      }
      this.#meet(known);
      if (known.state.kind === 'answered') return { kind: 'answered', answer: known.state.answer };
      if (known.state.kind === 'free') {
        const taken = await this.#takeOver(known.dot);
        if (taken !== undefined) return taken;
      } else {
        await this.#waitForTwin(untilMs, pauseMs);
      }
      known = await this.#find();
    }
  }

  async #reserve(dot: Dot): Promise<Extract<Claim, { kind: 'lease' }> | { readonly known: IdempotencyRecord }> {
    const { store, changes, leaseMs } = this.#parts;
    const { scope, fingerprint, owner } = this.#attempt;
    const row = { scope, fingerprint, dot, owner };
    const term = this.#term();
    this.#metEarlier = false;
    try {
      const result = await store.reserve({ ...row, leaseMs }, this.#leftMs());
      if (result.kind === 'existing') return { known: result.record };
      return { kind: 'lease', lease: { row, first: true, maybeAnswered: false, term } };
    } catch (error) {
      // It may have been stored after all, and its client is told that nothing was written.
      if (!(error instanceof MetadataUnavailableError) || error.sent) changes.add({ kind: 'forget', row });
      throw error;
    }
  }

  async #takeOver(known: Dot): Promise<Claim | undefined> {
    const { store, changes, leaseMs } = this.#parts;
    const { scope, fingerprint, owner } = this.#attempt;
    const term = this.#term();
    try {
      const taken = await store.takeOver(scope, fingerprint, owner, leaseMs);
      if (taken === undefined) return undefined;
      const { dot, maybeAnswered } = taken;
      return { kind: 'lease', lease: { row: { scope, fingerprint, dot, owner }, first: false, maybeAnswered, term } };
    } catch (error) {
      changes.add({ kind: 'release', row: { scope, fingerprint, dot: known, owner }, maybeAnswered: true });
      throw error;
    }
  }

  #find(): Promise<IdempotencyRecord | undefined> {
    return this.#parts.store.find(this.#attempt.scope, this.#leftMs());
  }

  #meet({ fingerprint }: IdempotencyRecord): void {
    if (!sameFingerprint(fingerprint, this.#attempt.fingerprint)) throw idempotencyConflict();
    this.#metEarlier = true;
  }

  async #waitForTwin(untilMs: number, pauseMs: number): Promise<void> {
    const { clock } = this.#parts;
    const { context } = this.#attempt;
    if (isOver(clock, context)) throw tooLateToSend(true);
    if (clock.monotonicMs() >= untilMs || context.signal.aborted) throw stillRunning();
    await sleep(clock, Math.min(pauseMs, this.#leftMs()), context.signal);
  }

  #leftMs(): number {
    return this.#attempt.context.deadlineMs - this.#parts.clock.monotonicMs();
  }

  #term(): Deadline {
    const { clock, leaseMs } = this.#parts;
    return { deadlineMs: clock.monotonicMs() + leaseMs, deadlineWallMs: clock.wallMs() + leaseMs };
  }
}
