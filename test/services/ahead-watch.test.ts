import { expect, it } from 'vitest';
import { AheadWatch } from '../../src/services/ahead-watch.js';
import { MemoryLog } from '../support/silent-log.js';
import { smallCluster } from '../support/small-cluster.js';

it('a storage node that holds something ahead is told of once, and so is its end', async () => {
  const cluster = await smallCluster();
  const log = new MemoryLog();
  const watch = new AheadWatch({ ...cluster, log });
  const checked = () => {
    watch.check();
    return log.lines.splice(0).map(({ fields }) => fields);
  };
  expect(checked()).toEqual([]);
  cluster.replicas.node('b').greatestTimestampUs = (cluster.clock.wallMs() + 600_000) * 1000;
  expect(checked()).toEqual([{ nodeId: 'b', aheadSeconds: 600 }]);
  expect(watch.note).toContain('"b" 600 s');
  expect(checked()).toEqual([]);
  await cluster.clock.advance(600_000);
  expect(checked()).toEqual([{ nodeId: 'b' }]);
  expect(watch.note).toBeUndefined();
  expect(checked()).toEqual([]);
});
