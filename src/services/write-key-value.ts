import {
  checkId,
  checkIdempotencyKey,
  checkKey,
  checkLevel,
  checkValue,
  type FieldLimits,
} from '../domain/request-fields.js';
import { checkSealedKeyLength, isSealedKey } from '../domain/sealed-key.js';
import type { ClockGuard } from './clock-guard.js';
import type { CallContext, WriteOutcome, WriteRequest } from './coordinator-services.js';
import type { KeyedWrites } from './keyed-writes.js';
import type { ReplicatedWrite } from './replicated-write.js';
import type { SealedWrites } from './sealed-writes.js';
import type { TopologyWatch } from './topology-watch.js';

export interface WriteKeyValueParts {
  readonly topology: TopologyWatch;
  readonly guard: ClockGuard;
  readonly writes: ReplicatedWrite;
  readonly keyed: KeyedWrites;
  readonly sealed: SealedWrites;
  readonly limits: FieldLimits;
}

/** WriteKeyValue: validates, then writes plainly, under a client's idempotency key, or answers a sealed key. */
export class WriteKeyValue {
  readonly #parts: WriteKeyValueParts;

  constructor(parts: WriteKeyValueParts) {
    this.#parts = parts;
  }

  /**
   * @throws QuorateError invalid_field, tenant_not_found, quorum_not_reached, deadline_exceeded, idempotency_conflict,
   *   idempotency_running, clock_refused, metadata_unavailable
   */
  async write(request: WriteRequest, context: CallContext): Promise<WriteOutcome> {
    const { topology, guard, writes, keyed, sealed, limits } = this.#parts;
    const { idempotencyKey } = request;
    const tenantId = checkId('tenant_id', request.tenantId, limits);
    const key = checkKey(request.key, limits);
    const value = checkValue(request.value, limits);
    const level = checkLevel(request.consistency);
    const isSealed = isSealedKey(idempotencyKey);
    if (isSealed) checkSealedKeyLength(idempotencyKey);
    const idempotencyKeyBytes = isSealed ? undefined : checkIdempotencyKey(idempotencyKey, limits);
    const { tenant } = await topology.tenant(tenantId);
    const target = { tenant, key };
    if (isSealed) return await sealed.answerAgain(target, value, idempotencyKey);
    guard.check();
    if (idempotencyKeyBytes !== undefined && idempotencyKeyBytes.length > 0) {
      return keyed.write({ target, value, level, idempotencyKey, idempotencyKeyBytes }, context);
    }
    const dot = await writes.takeDot(target, level, context);
    const acknowledged = await writes.send(target, dot, value, level, context);
    const issued = sealed.issue(target, value, dot, level, acknowledged);
    return { idempotencyKey: issued, ...acknowledged, level, isDuplicate: false };
  }
}
