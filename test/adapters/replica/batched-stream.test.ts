import { expect, it } from 'vitest';
import { BatchedStream } from '../../../src/adapters/replica/batched-stream.js';
import { snapshotOf } from '../../../src/domain/topology.js';
import { seededRandom } from '../../support/seeded-random.js';
import { silentLog } from '../../support/silent-log.js';
import { member } from '../../support/small-cluster.js';
import { VirtualClock } from '../../support/virtual-clock.js';

it('a question that one with more time asks as well ends by its own deadline', async () => {
  const clock = new VirtualClock();
  const snapshot = snapshotOf({ epoch: 1, nodes: [member('a')], tenants: [] });
  const stream = new BatchedStream(
    {
      // A node that takes the connection and never answers.
      transport: { open: () => ({ send: () => {}, close: () => {}, backlogFrames: 0 }) },
      clock,
      random: seededRandom(1),
      log: silentLog,
      greeting: { actor: 'c@1', clusterId: 'cluster', clusterSecret: Buffer.from('secret') },
      topology: () => snapshot,
    },
    member('a'),
  );
  const endedMs = (deadlineMs: number) =>
    new Promise<number>((resolve) => stream.ask(1, deadlineMs, () => resolve(clock.monotonicMs())));
  const ended = Promise.all([2000, 100, 2030].map(endedMs));
  const [patient, hurried, alike] = await clock.settle(ended);
  expect(hurried).toBeLessThanOrEqual(110);
  expect(patient).toBeGreaterThanOrEqual(2000);
  expect(alike).toBeGreaterThanOrEqual(2000);
  stream.close();
});
