import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildRing, type Ring, type RingMember, replicaIndexes, replicaSet } from '../../src/domain/ring.js';
import { keyToken, type Token, virtualNodeToken } from '../../src/domain/token.js';

const members = (count: number, virtualNodes = 150, zones = 0): RingMember[] =>
  Array.from({ length: count }, (_, i) => ({
    nodeId: `node-${i}`,
    virtualNodes,
    zone: zones === 0 ? '' : `zone-${i % zones}`,
  }));
const tokens = (count: number): Token[] =>
  Array.from({ length: count }, (_, i) => keyToken('demo', Buffer.from(`key-${i}`)));

/** The definition, read aloud: walk clockwise; distinct nodes, of distinct zones while there are any left. */
function dumbReplicaSet(given: readonly RingMember[], token: Token, replicationFactor: number): string[] {
  const ring = given
    .flatMap((member) =>
      Array.from({ length: member.virtualNodes }, (_, i) => ({ at: virtualNodeToken(member.nodeId, i), member })),
    )
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.member.nodeId < b.member.nodeId ? -1 : 1));
  const start = ring.findIndex(({ at }) => at >= token);
  const walk = [...ring.slice(start === -1 ? 0 : start), ...ring.slice(0, start === -1 ? 0 : start)];
  const order = [...new Set(walk.map(({ member }) => member))];
  const zoneOf = ({ nodeId, zone }: RingMember) => (zone === '' ? `node ${nodeId}` : `zone ${zone}`);
  const firstOfZone = order.filter((member, i) => order.findIndex((other) => zoneOf(other) === zoneOf(member)) === i);
  const others = order.filter((member) => !firstOfZone.includes(member));
  return [...firstOfZone, ...others].slice(0, replicationFactor).map(({ nodeId }) => nodeId);
}

/** Greatest over mean of what the nodes get, RF 3. */
function imbalance(ring: Ring, keys: readonly Token[]): number {
  const load = new Uint32Array(ring.members.length);
  for (const token of keys) for (const index of replicaIndexes(ring, token, 3)) load[index] = (load[index] ?? 0) + 1;
  return Math.max(...load) / ((keys.length * 3) / ring.members.length);
}

describe('a ring', () => {
  it('places keys as another implementation does', () => {
    const ring = buildRing(['node-1', 'node-2', 'node-3'].map((nodeId) => ({ nodeId, virtualNodes: 4, zone: '' })));
    const placed = (key: string) => replicaSet(ring, keyToken('demo', Buffer.from(key)), 3);
    expect(placed('greeting')).toEqual(['node-3', 'node-2', 'node-1']);
    expect(placed('b')).toEqual(['node-2', 'node-1', 'node-3']);
    expect(placed('c')).toEqual(['node-1', 'node-3', 'node-2']);
    expect(placed('key-42')).toEqual(['node-2', 'node-1', 'node-3']);
  });

  it('finds the replica sets that its definition gives, with and without zones', () => {
    const member = fc.record({
      nodeId: fc.stringMatching(/^[a-z]{1,3}$/),
      virtualNodes: fc.integer({ min: 1, max: 8 }),
      zone: fc.constantFrom('', '', 'x', 'y', 'z'),
    });
    const given = fc.uniqueArray(member, { selector: ({ nodeId }) => nodeId, maxLength: 9 });
    const token = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(
        given,
        fc.array(token, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 10 }),
        (g, ts, rf) => {
          const ring = buildRing(g);
          for (const t of ts) expect(replicaSet(ring, t, rf)).toEqual(dumbReplicaSet(g, t, rf));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('starts a set at the node whose token a key hits exactly, and wraps behind the last one', () => {
    const given = members(5, 3);
    const ring = buildRing(given);
    for (const { nodeId } of given) {
      for (const i of [0, 1, 2]) expect(replicaSet(ring, virtualNodeToken(nodeId, i), 1)).toEqual([nodeId]);
    }
    expect(replicaSet(ring, 2n ** 64n - 1n, 5)).toEqual(dumbReplicaSet(given, 2n ** 64n - 1n, 5));
    expect(replicaSet(ring, 0n, 5)).toEqual(dumbReplicaSet(given, 0n, 5));
  });

  it('is the same for members in any order', () => {
    const given = members(20, 10);
    const backwards = buildRing([...given].reverse());
    for (const token of tokens(200)) {
      expect(replicaSet(backwards, token, 3)).toEqual(replicaSet(buildRing(given), token, 3));
    }
  });

  it('has no replicas without members, and every member where there are fewer than asked for', () => {
    expect(replicaSet(buildRing([]), 5n, 3)).toEqual([]);
    expect(replicaSet(buildRing(members(2)), 5n, 3).sort()).toEqual(['node-0', 'node-1']);
  });

  it('spreads each set over distinct zones while there are any', () => {
    const ring = buildRing(members(12, 50, 3));
    for (const token of tokens(500)) {
      const zones = replicaIndexes(ring, token, 3).map((index) => ring.members[index]?.zone);
      expect(new Set(zones).size).toBe(3);
      expect(new Set(replicaSet(ring, token, 5)).size).toBe(5);
    }
  });

  it.each([10, 100])('loads the fullest of %d nodes with at most 1.25 of the mean at RF 3', (count) => {
    expect(imbalance(buildRing(members(count)), tokens(100_000))).toBeLessThanOrEqual(1.25);
  });

  it('moves at most 1.15 of the ideal share of replicas when one node joins ten, and only to that node', () => {
    const before = buildRing(members(10));
    const after = buildRing(members(11));
    const keys = tokens(50_000);
    let moved = 0;
    for (const token of keys) {
      const old = replicaSet(before, token, 3);
      const gained = replicaSet(after, token, 3).filter((nodeId) => !old.includes(nodeId));
      expect(gained.length === 0 || (gained.length === 1 && gained[0] === 'node-10')).toBe(true);
      moved += gained.length;
    }
    expect(moved / ((keys.length * 3) / 11)).toBeLessThanOrEqual(1.15);
  });

  it('gives a node with twice the virtual nodes about twice the keys', () => {
    const ring = buildRing([...members(9), { nodeId: 'big', virtualNodes: 300, zone: '' }]);
    const owned = tokens(50_000).filter((token) => replicaSet(ring, token, 1)[0] === 'big').length;
    expect(owned / (50_000 / 11)).toBeGreaterThan(1.5);
    expect(owned / (50_000 / 11)).toBeLessThan(2.5);
  });
});
