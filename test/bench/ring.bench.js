// Look-ups and rebuilds of a large ring, its balance, and what moves when a node joins.
import { randomBytes } from 'node:crypto';
import { buildRing, replicaIndexes } from '../../dist/domain/ring.js';
import { report } from './report.js';

const RF = 3;
const members = (count) =>
  Array.from({ length: count }, (_, i) => ({ nodeId: `node-${i}`, virtualNodes: 150, zone: '' }));
const tokens = (count) => {
  const bytes = randomBytes(count * 8);
  return Array.from({ length: count }, (_, i) => bytes.readBigUInt64BE(i * 8));
};
/** CPU time of each round in microseconds, ascending: what else runs on the machine adds to it little. */
const roundsUs = (rounds, work) =>
  Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  }).sort((a, b) => a - b);

const ring = buildRing(members(1000));
const keys = tokens(200_000);
const [lookupsUs] = roundsUs(7, () => {
  for (const token of keys) replicaIndexes(ring, token, RF);
});
report('replica look-up, 1,000 nodes x 150 virtual nodes', (lookupsUs * 1000) / keys.length, 'ns', '<= 1000');

const rebuildsUs = roundsUs(7, () => buildRing(members(1000)));
report('rebuild of that ring, median', rebuildsUs[3] / 1000, 'ms', '<= 200');

for (const [count, sample] of [
  [10, 300_000],
  [100, 600_000],
  [1000, 3_000_000],
]) {
  const load = new Uint32Array(count);
  const placed = buildRing(members(count));
  for (const token of tokens(sample)) for (const index of replicaIndexes(placed, token, RF)) load[index]++;
  report(
    `load of the fullest of ${count} nodes over the mean`,
    Math.max(...load) / ((sample * RF) / count),
    'x',
    '<= 1.25',
  );
}

const [before, after] = [buildRing(members(10)), buildRing(members(11))];
const nodesOf = (placed, token) => replicaIndexes(placed, token, RF).map((index) => placed.members[index].nodeId);
let moved = 0;
for (const token of keys) {
  const old = nodesOf(before, token);
  moved += nodesOf(after, token).filter((nodeId) => !old.includes(nodeId)).length;
}
report('replicas moved over the ideal when a node joins ten', moved / ((keys.length * RF) / 11), 'x', '<= 1.15');
