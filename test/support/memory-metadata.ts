import type { Dot } from '../../src/domain/clock.js';
import { IDEMPOTENCY_WINDOW_MS, type IdempotencyScope, type WriteAnswer } from '../../src/domain/idempotency.js';
import type { Migration } from '../../src/domain/migration.js';
import type { SealingSecret } from '../../src/domain/sealed-key.js';
import type { StorageNode, Tenant } from '../../src/domain/topology.js';
import type { Random } from '../../src/ports/random.js';

export interface IdempotencyRow {
  fingerprint: Uint8Array;
  dot: Dot;
  owner: string;
  /** Undefined: given up by an owner that had failed. */
  leaseUntilMs: number | undefined;
  answer: WriteAnswer | undefined;
  expiresAtMs: number;
}

/** What PostgreSQL would hold; the memory stores are views of it. */
export class MemoryMetadata {
  readonly clusterId: string;
  sealingSecrets: readonly SealingSecret[];
  /** The store's own clock, Unix milliseconds. */
  readonly wallMs: () => number;
  readonly #random: Random;
  readonly nodes = new Map<string, StorageNode>();
  readonly tenants = new Map<string, Tenant>();
  readonly migrations: Migration[] = [];
  readonly incarnations = new Map<string, number>();
  readonly idempotency = new Map<string, IdempotencyRow>();
  readonly onEpoch = new Set<() => void>();
  epoch = 1;
  nextTenantNumber = 1;

  constructor(random: Random, wallMs: () => number) {
    this.#random = random;
    this.clusterId = random.id();
    this.sealingSecrets = [{ secret: random.bytes(32), retiredAtMs: undefined }];
    this.wallMs = wallMs;
  }

  rotateSealingSecret(): void {
    const nowMs = this.wallMs();
    const kept = this.sealingSecrets.filter(
      ({ retiredAtMs }) => retiredAtMs === undefined || retiredAtMs > nowMs - IDEMPOTENCY_WINDOW_MS,
    );
    const retired = kept.map(({ secret, retiredAtMs }) => ({ secret, retiredAtMs: retiredAtMs ?? nowMs }));
    this.sealingSecrets = [{ secret: this.#random.bytes(32), retiredAtMs: undefined }, ...retired];
  }

  raiseEpoch(): void {
    this.epoch++;
    for (const tell of this.onEpoch) tell();
  }
}

export function scopeName({ tenantNumber, key, idempotencyKey }: IdempotencyScope): string {
  return `${tenantNumber}/${Buffer.from(key).toString('hex')}/${Buffer.from(idempotencyKey).toString('hex')}`;
}
