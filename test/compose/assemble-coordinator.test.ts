import { expect, it } from 'vitest';
import { assembleCoordinator } from '../../src/compose/assemble-coordinator.js';
import { DEFAULT_LIMITS } from '../../src/domain/request-fields.js';
import { MemoryIdempotencyStore } from '../support/memory-idempotency-store.js';
import { MemoryMetadata } from '../support/memory-metadata.js';
import {
  MemoryTopologyStore,
  memoryCoordinatorStore,
  memoryMigrationStore,
  memoryTopologyFeed,
} from '../support/memory-stores.js';
import { seededRandom } from '../support/seeded-random.js';
import { silentLog } from '../support/silent-log.js';
import { VirtualClock } from '../support/virtual-clock.js';

it('a coordinator stops although there are always more expired idempotency keys to remove', async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const metadata = new MemoryMetadata(random, () => clock.wallMs());
  const idempotency = new MemoryIdempotencyStore(metadata);
  let removals = 0;
  idempotency.removeExpired = (limit) =>
    new Promise((resolve) => {
      removals++;
      clock.after(10, () => resolve(limit));
    });
  const { stop } = await clock.settle(
    assembleCoordinator({
      coordinatorId: 'c',
      advertisedAddress: 'c:1',
      clusterSecret: Buffer.alloc(32),
      limits: DEFAULT_LIMITS,
      timeouts: { replicaMs: 1000, twinWaitMs: 1000, leaseMs: 1000 },
      transport: { open: () => expect.fail('there are no storage nodes to talk to') },
      stores: {
        coordinators: memoryCoordinatorStore(metadata),
        topology: new MemoryTopologyStore(metadata),
        migrations: memoryMigrationStore(metadata),
        idempotency,
        feed: memoryTopologyFeed(metadata),
      },
      clock,
      random,
      log: silentLog,
    }),
  );
  await clock.advance(1000);
  expect(removals).toBeGreaterThan(10);
  await clock.settle(stop(), 100);
});
