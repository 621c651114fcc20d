import { QuorateError } from '../domain/errors.js';
import { writeFingerprint } from '../domain/idempotency.js';
import type { Level } from '../domain/level.js';
import { sleep } from '../ports/clock.js';
import type { CallContext, WriteOutcome } from './coordinator-services.js';
import { type DotTraceParts, maybeAcknowledged } from './dot-trace.js';
import { afterEarlierAttempt, stillRunning, tooLateToSend } from './idempotency-failures.js';
import { type Attempt, type Claim, KeyedClaim, type KeyedClaimParts, type Lease } from './keyed-claim.js';
import { inTime, isOver } from './operation-deadline.js';
import type { KeyTarget } from './replica-plan.js';

export interface KeyedWritesParts extends KeyedClaimParts, DotTraceParts {
  /** Names this coordinator's attempts; with a number behind it each is unique. */
  readonly actor: string;
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
    const attempt = { target, level: write.level, scope, fingerprint: writeFingerprint(write.value), owner, context };
    await this.#awaitLocalTwin(name, context);
    const run = this.#run(write, attempt);
    this.#running.set(name, run);
    try {
      return await run;
    } finally {
      if (this.#running.get(name) === run) this.#running.delete(name);
    }
  }

  /** The twin's answer is then found in the store, or its row there is free. */
  async #awaitLocalTwin(name: string, context: CallContext): Promise<void> {
    const { clock, twinWaitMs } = this.#parts;
    const untilMs = clock.monotonicMs() + twinWaitMs;
    for (let twin = this.#running.get(name); twin !== undefined; twin = this.#running.get(name)) {
      if (isOver(clock, context)) throw tooLateToSend(true);
      const leftMs = Math.min(untilMs, context.deadlineMs) - clock.monotonicMs();
      if (leftMs <= 0) throw stillRunning();
      const over = new AbortController();
      const settled = twin.then(
        () => over.abort(),
        () => over.abort(),
      );
      await Promise.race([settled, sleep(clock, leftMs, over.signal)]);
    }
  }

  async #run(write: KeyedWrite, attempt: Attempt): Promise<WriteOutcome> {
    const { idempotencyKey } = write;
    const claim = new KeyedClaim(this.#parts, attempt);
    const claiming = claim.run();
    const claimed = await inTime(this.#parts.clock, attempt.context, claiming);
    if (claimed === undefined) {
      this.#abandon(claiming);
      throw tooLateToSend(claim.metEarlier, claim.waitsFor);
    }
    if (claimed.kind === 'answered') return { idempotencyKey, ...claimed.answer, isDuplicate: true };
    return this.#send(write, claimed.lease, attempt.context);
  }

  /**
   * `isDuplicate` is false for nobody but the first who acknowledges the write. An answer that was lost can't be given
   * again whole: the dot alone is what every answer's clock has in common, and what replicas are asked for.
   */
  async #send(write: KeyedWrite, lease: Lease, context: CallContext): Promise<WriteOutcome> {
    const { writes, clock, changes } = this.#parts;
    const { target, value, level, idempotencyKey } = write;
    const { row } = lease;
    try {
      const repeated = lease.maybeAnswered && (await maybeAcknowledged(this.#parts, target, row.dot, context));
      const acknowledged = await writes.send(target, row.dot, value, level, context);
      // Once the lease is over somebody else may have taken over, and have been the first.
      const isDuplicate = repeated || isOver(clock, lease.term);
      const answer = { ...acknowledged, clock: isDuplicate ? [row.dot] : acknowledged.clock, level };
      changes.add({ kind: 'answer', row, answer });
      return { idempotencyKey, ...answer, isDuplicate };
    } catch (error) {
      this.#giveUp(lease, !(error instanceof QuorateError) || error.outcomeUnknown);
      throw lease.first ? error : afterEarlierAttempt(error);
    }
  }

  /** What the store still answers comes too late; nothing was sent under it. */
  #abandon(claiming: Promise<Claim>): void {
    claiming.then(
      (claim) => (claim.kind === 'lease' ? this.#giveUp(claim.lease, false) : undefined),
      () => {},
    );
  }

  /** After an unknown outcome the row keeps its dot; only a reservation of which nothing was sent goes. */
  #giveUp({ row, first, maybeAnswered }: Lease, mayBeSent: boolean): void {
    const nothingSent = first && !mayBeSent;
    this.#parts.changes.add(nothingSent ? { kind: 'forget', row } : { kind: 'release', row, maybeAnswered });
  }
}
