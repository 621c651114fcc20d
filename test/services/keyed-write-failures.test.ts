import { beforeEach, describe, expect, it } from 'vitest';
import type { QuorateError } from '../../src/domain/errors.js';
import type { IdempotencyStore } from '../../src/ports/idempotency-store.js';
import { KeyedWrites } from '../../src/services/keyed-writes.js';
import { ReplicatedWrite } from '../../src/services/replicated-write.js';
import { RowChanges } from '../../src/services/row-changes.js';
import { MemoryIdempotencyStore } from '../support/memory-idempotency-store.js';
import { MemoryMetadata } from '../support/memory-metadata.js';
import { seededRandom } from '../support/seeded-random.js';
import { silentLog } from '../support/silent-log.js';
import { contextWithin, NODE_IDS, type SmallCluster, smallCluster, TENANT } from '../support/small-cluster.js';

describe('a write with a client’s idempotency key that fails before anything is sent', () => {
  let cluster: SmallCluster;
  let metadata: MemoryMetadata;
  let store: IdempotencyStore;

  beforeEach(async () => {
    cluster = await smallCluster();
    metadata = new MemoryMetadata(seededRandom(1), () => cluster.clock.wallMs());
    store = new MemoryIdempotencyStore(metadata);
  });

  const failed = (level: 'quorum' | 'all', withinMs: number): Promise<QuorateError> => {
    const { clock } = cluster;
    const writes = new ReplicatedWrite({ ...cluster, actor: 'me@1', replicaTimeoutMs: 2000 });
    const changes = new RowChanges({ store, clock, log: silentLog });
    const parts = { ...cluster, store, changes, writes, actor: 'me@1', leaseMs: 10_000, twinWaitMs: 3000 };
    const target = { tenant: TENANT, key: Buffer.from('key') };
    const idempotencyKey = 'mine';
    const write = { target, value: Buffer.from('v'), level, idempotencyKey, idempotencyKeyBytes: Buffer.from('mine') };
    const outcome = new KeyedWrites(parts).write(write, contextWithin(clock, withinMs)).then(
      () => expect.fail('it succeeded'),
      (error: unknown) => error as QuorateError,
    );
    return clock.settle(outcome);
  };

  it('says that the replicas were asked where they are silent', async () => {
    cluster.replicas.ask = () => new Promise(() => {});
    const startMs = cluster.clock.monotonicMs();
    const error = await failed('quorum', 500);
    expect(error).toMatchObject({ kind: 'deadline_exceeded', outcomeUnknown: false });
    expect(error.message).toContain('while the replicas were asked');
    expect(error.message).not.toContain('PostgreSQL');
    expect(cluster.clock.monotonicMs() - startMs).toBeLessThanOrEqual(500);
  });

  it('says that PostgreSQL was asked where that is silent', async () => {
    store.reserve = () => new Promise(() => {});
    const error = await failed('quorum', 500);
    expect(error).toMatchObject({ kind: 'deadline_exceeded', outcomeUnknown: false });
    expect(error.message).toContain('while the metadata store (PostgreSQL) was asked');
  });

  it('asks and reserves nothing where too few replicas are connected for its level', async () => {
    cluster.replicas.node('c').conduct = 'down';
    const error = await failed('all', 500);
    expect(error).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: false });
    for (const id of NODE_IDS) expect(cluster.replicas.node(id).seen).toEqual([]);
    expect(metadata.idempotency.size).toBe(0);
  });
});
