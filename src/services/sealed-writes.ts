import type { Dot } from '../domain/clock.js';
import { invalidField } from '../domain/errors.js';
import { sameFingerprint, writeFingerprint } from '../domain/idempotency.js';
import type { Level } from '../domain/level.js';
import { type OpenedKey, openSealedKey, type SealedScope, sealWrite } from '../domain/sealed-key.js';
import type { Clock } from '../ports/clock.js';
import type { WriteOutcome } from './coordinator-services.js';
import { idempotencyConflict } from './idempotency-failures.js';
import type { KeyTarget } from './replica-plan.js';
import type { AcknowledgedWrite } from './replicated-write.js';
import type { SealingSecrets } from './sealing-secrets.js';

/** Idempotency keys that the server issues: their own proof, so that a write without a key touches no store. */
export class SealedWrites {
  readonly #secrets: SealingSecrets;
  readonly #clock: Clock;

  constructor(secrets: SealingSecrets, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** The key of a write that succeeded. */
  issue(target: KeyTarget, value: Uint8Array, dot: Dot, level: Level, { replicaCount }: AcknowledgedWrite): string {
    const issuedAtMs = Math.floor(this.#clock.wallMs());
    const write = { fingerprint: writeFingerprint(value), dot, level, replicaCount, issuedAtMs };
    return sealWrite(write, scopeOf(target), this.#secrets.current.secret);
  }

  /**
   * The first answer to a request that is sent again with the key it was given.
   * @throws QuorateError invalid_field for a key that was not issued for this tenant and key or is too old,
   *   idempotency_conflict for another value, metadata_unavailable when a seal is unknown here and can't be looked up
   */
  async answerAgain(target: KeyTarget, value: Uint8Array, idempotencyKey: string): Promise<WriteOutcome> {
    let opened = this.#open(target, idempotencyKey);
    if (opened.kind === 'forged') {
      await this.#secrets.renew();
      opened = this.#open(target, idempotencyKey);
    }
    switch (opened.kind) {
      case 'forged':
        throw invalidField('idempotency_key', 'has a reserved prefix, but was not issued for this write');
      case 'expired':
        throw invalidField('idempotency_key', 'was issued more than 24 h ago');
      case 'valid': {
        const { fingerprint, dot, level, replicaCount } = opened.write;
        if (!sameFingerprint(fingerprint, writeFingerprint(value))) throw idempotencyConflict();
        return { idempotencyKey, clock: [dot], replicaCount, level, isDuplicate: true };
      }
    }
  }

  #open(target: KeyTarget, idempotencyKey: string): OpenedKey {
    return openSealedKey(idempotencyKey, scopeOf(target), this.#secrets.known, this.#clock.wallMs());
  }
}

function scopeOf({ tenant, key }: KeyTarget): SealedScope {
  return { tenantId: tenant.tenantId, key };
}
