import { expect } from 'vitest';
import type { QuorateError } from '../../src/domain/errors.js';
import { writeFingerprint } from '../../src/domain/idempotency.js';
import type { Level } from '../../src/domain/level.js';
import { ClockGuard } from '../../src/services/clock-guard.js';
import type { CallContext, WriteOutcome } from '../../src/services/coordinator-services.js';
import { KeyedWrites } from '../../src/services/keyed-writes.js';
import { ReplicatedWrite } from '../../src/services/replicated-write.js';
import { RowChanges } from '../../src/services/row-changes.js';
import { MemoryIdempotencyStore } from './memory-idempotency-store.js';
import { MemoryMetadata } from './memory-metadata.js';
import { ScriptedIdempotencyStore } from './scripted-idempotency-store.js';
import type { ScriptedReplica } from './scripted-replicas.js';
import { seededRandom } from './seeded-random.js';
import { silentLog } from './silent-log.js';
import { contextWithin, NODE_IDS, type SmallCluster, smallCluster, TENANT } from './small-cluster.js';

export const LEASE_MS = 10_000;
export const TWIN_WAIT_MS = 3000;
export const TARGET = { tenant: TENANT, key: Buffer.from('key') };
const SCOPE = { tenantNumber: TENANT.number, key: TARGET.key, idempotencyKey: Buffer.from('i') };

export interface KeyedSending {
  readonly value?: Uint8Array;
  readonly level?: Level;
  readonly withinMs?: number;
}

export interface KeyedCoordinator {
  readonly store: ScriptedIdempotencyStore;
  readonly writes: ReplicatedWrite;
  readonly keyed: KeyedWrites;
  /** Sends the one write that these tests are about, under its one idempotency key. */
  send(sending?: KeyedSending): Promise<WriteOutcome>;
}

/** Coordinators of one small cluster, with the same rows in one metadata store. */
export class KeyedCluster {
  readonly cluster: SmallCluster;
  readonly #metadata: MemoryMetadata;

  private constructor(cluster: SmallCluster) {
    this.cluster = cluster;
    this.#metadata = new MemoryMetadata(seededRandom(1), () => cluster.clock.wallMs());
  }

  static async make(): Promise<KeyedCluster> {
    return new KeyedCluster(await smallCluster());
  }

  coordinator(actor: string, replicaTimeoutMs = 2000): KeyedCoordinator {
    const { topology, replicas, clock } = this.cluster;
    const store = new ScriptedIdempotencyStore(new MemoryIdempotencyStore(this.#metadata));
    const writes = new ReplicatedWrite({
      topology,
      replicas,
      guard: new ClockGuard(clock),
      clock,
      actor,
      replicaTimeoutMs,
    });
    const changes = new RowChanges({ store, clock, log: silentLog });
    const timeouts = { leaseMs: LEASE_MS, twinWaitMs: TWIN_WAIT_MS };
    const keyed = new KeyedWrites({ store, changes, writes, topology, replicas, clock, actor, ...timeouts });
    const send = ({ value = Buffer.from('value'), level = 'quorum', withinMs = 5000 }: KeyedSending = {}) => {
      const idempotencyKeyBytes = SCOPE.idempotencyKey;
      const write = { target: TARGET, value, level, idempotencyKey: 'i', idempotencyKeyBytes };
      return keyed.write(write, this.within(withinMs));
    };
    return { store, writes, keyed, send };
  }

  within(withinMs: number): CallContext {
    return contextWithin(this.cluster.clock, withinMs);
  }

  settle<Result>(work: Promise<Result>): Promise<Result> {
    return this.cluster.clock.settle(work);
  }

  /** What the work fails with. */
  failure(work: Promise<unknown>): Promise<QuorateError> {
    return this.settle(
      work.then(
        () => expect.fail('it succeeded'),
        (error: unknown) => error as QuorateError,
      ),
    );
  }

  setReplicas(conduct: ScriptedReplica['conduct'], ids: readonly string[] = NODE_IDS): void {
    for (const id of ids) this.cluster.replicas.node(id).conduct = conduct;
  }

  /** What the replicas hold of the key, in order; "" for nothing. */
  get held(): string[] {
    return NODE_IDS.map((id) => {
      const record = [...this.cluster.replicas.node(id).records.values()][0];
      return Buffer.from(record?.version.value ?? []).toString();
    });
  }

  /** The row as it stands, unless it counts as none. */
  get row() {
    const rows = [...this.#metadata.idempotency.values()];
    return rows.find(({ expiresAtMs }) => expiresAtMs > this.cluster.clock.wallMs());
  }

  /** Reserves as a coordinator does that stops then; its lease is over at once. */
  async reserveAndStop(
    store: ScriptedIdempotencyStore,
  ): Promise<{ readonly actor: string; readonly timestamp: number }> {
    const dot = { actor: 'gone@1', timestamp: this.cluster.clock.wallMs() * 1000 };
    const fingerprint = writeFingerprint(Buffer.from('value'));
    await store.reserve({ scope: SCOPE, fingerprint, dot, owner: 'gone@1/1', leaseMs: 0 }, 1000);
    return dot;
  }
}
