import { type Token, virtualNodeHash } from './token.js';

export interface RingMember {
  readonly nodeId: string;
  /** How many positions the node takes; its share of the keys grows with it. */
  readonly virtualNodes: number;
  /** The failure domain; empty when there are none. */
  readonly zone: string;
}

/** An immutable consistent-hash ring (Karger et al. 1997; virtual nodes and distinct zones as in Dynamo, section 6.2). */
export interface Ring {
  readonly members: readonly RingMember[];
  /** Upper and lower 32 bits of the virtual nodes' tokens, ascending; a token's halves are compared without BigInt. */
  readonly highs: Uint32Array;
  readonly lows: Uint32Array;
  /** Index into `members` of each token's owner. */
  readonly owners: Uint32Array;
  /** Number of each member's zone; every member without a zone has one of its own. */
  readonly zoneOf: Uint32Array;
  readonly zoneCount: number;
  /** Position of the first token whose upper bits (32 - shift of them) are at least the index. */
  readonly starts: Uint32Array;
  readonly shift: number;
}

/** Builds the ring of the given members; their order does not matter. */
export function buildRing(given: readonly RingMember[]): Ring {
  const members = [...given].sort((a, b) => (a.nodeId < b.nodeId ? -1 : a.nodeId > b.nodeId ? 1 : 0));
  const size = members.reduce((sum, member) => sum + member.virtualNodes, 0);
  const tokens = new BigUint64Array(size);
  const ownerAt = new Uint32Array(size);
  let filled = 0;
  members.forEach((member, owner) => {
    const tokenOf = virtualNodeHash(member.nodeId);
    for (let i = 0; i < member.virtualNodes; i++) {
      tokens[filled] = tokenOf(i);
      ownerAt[filled++] = owner;
    }
  });
  const sorted = sortByToken(tokens, ownerAt);
  return { members, ...sorted, ...zonesOf(members), ...startsOf(sorted.highs) };
}

/**
 * The replica set of a token: the nodes of the first `replicationFactor` distinct owners clockwise from it, passing
 * over owners in zones already taken until every zone is. Fewer where the ring has fewer nodes.
 * Returns indexes into `ring.members`, in ring order.
 */
export function replicaIndexes(ring: Ring, token: Token, replicationFactor: number): number[] {
  const size = ring.owners.length;
  const chosen: number[] = [];
  if (size === 0) return chosen;
  const wanted = Math.min(replicationFactor, ring.members.length);
  const zonesWanted = Math.min(wanted, ring.zoneCount);
  const passedOver: number[] = [];
  const takenZones: number[] = [];
  let position = firstAtOrAfter(ring, Number(token >> 32n), Number(token & 0xffffffffn));
  for (let step = 0; step < size && chosen.length < zonesWanted; step++) {
    if (position === size) position = 0;
    const owner = ring.owners[position++] as number; // in bounds: position < size
    if (chosen.includes(owner)) continue;
    const zone = ring.zoneOf[owner] as number; // in bounds: an owner is a member
    if (!takenZones.includes(zone)) {
      takenZones.push(zone);
      chosen.push(owner);
    } else if (passedOver.length < wanted && !passedOver.includes(owner)) {
      passedOver.push(owner);
    }
  }
  return chosen.length < wanted ? fill(ring, chosen, passedOver, wanted, position) : chosen;
}

/** As `replicaIndexes`, by node id. */
export function replicaSet(ring: Ring, token: Token, replicationFactor: number): string[] {
  return replicaIndexes(ring, token, replicationFactor).map((index) => (ring.members[index] as RingMember).nodeId);
}

/** Every zone has its replica: the nodes passed over come next, in ring order, then those further on. */
function fill(ring: Ring, chosen: number[], passedOver: number[], wanted: number, from: number): number[] {
  for (const owner of passedOver) if (chosen.length < wanted) chosen.push(owner);
  const size = ring.owners.length;
  for (let step = 0, position = from; step < size && chosen.length < wanted; step++, position++) {
    const owner = ring.owners[position % size] as number; // in bounds: modulo size
    if (!chosen.includes(owner)) chosen.push(owner);
  }
  return chosen;
}

function firstAtOrAfter(ring: Ring, high: number, low: number): number {
  const bucket = high >>> ring.shift;
  // In bounds: `starts` has one entry more than there are buckets; positions lie below size.
  let from = ring.starts[bucket] as number;
  let to = ring.starts[bucket + 1] as number;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const middleHigh = ring.highs[middle] as number;
    if (middleHigh < high || (middleHigh === high && (ring.lows[middle] as number) < low)) from = middle + 1;
    else to = middle;
  }
  return from;
}

function sortByToken(tokens: BigUint64Array, ownerAt: Uint32Array) {
  const size = tokens.length;
  // The order of upper halves is a sort of doubles, the fastest that the engine has; the position rides in the low bits.
  const order = new Float64Array(size);
  const scale = 2 ** Math.ceil(Math.log2(Math.max(2, size)));
  for (let i = 0; i < size; i++) order[i] = Number((tokens[i] as bigint) >> 32n) * scale + i;
  order.sort();
  const positions = Array.from(order, (value) => value % scale);
  mendTies(positions, tokens, ownerAt);
  const highs = new Uint32Array(size);
  const lows = new Uint32Array(size);
  const owners = new Uint32Array(size);
  positions.forEach((position, i) => {
    const token = tokens[position] as bigint; // in bounds: a permutation of 0..size-1
    highs[i] = Number(token >> 32n);
    lows[i] = Number(token & 0xffffffffn);
    owners[i] = ownerAt[position] as number;
  });
  return { highs, lows, owners };
}

/** Upper halves are equal for a few neighbours: insertion by the whole token, then by owner, finishes the order. */
function mendTies(positions: number[], tokens: BigUint64Array, ownerAt: Uint32Array): void {
  const precedes = (a: number, b: number) => {
    const [x, y] = [tokens[a] as bigint, tokens[b] as bigint];
    return x === y ? (ownerAt[a] as number) < (ownerAt[b] as number) : x < y;
  };
  for (let i = 1; i < positions.length; i++) {
    const moving = positions[i] as number;
    let j = i;
    for (; j > 0 && precedes(moving, positions[j - 1] as number); j--) positions[j] = positions[j - 1] as number;
    positions[j] = moving;
  }
}

function zonesOf(members: readonly RingMember[]) {
  const zones = new Map<string, number>();
  const zoneOf = Uint32Array.from(members, ({ nodeId, zone }) => {
    const name = zone === '' ? `node:${nodeId}` : `zone:${zone}`;
    const index = zones.get(name) ?? zones.size;
    zones.set(name, index);
    return index;
  });
  return { zoneOf, zoneCount: zones.size };
}

/** About one token a bucket, at most 2^20 buckets: a lookup is one jump and a step or two. */
function startsOf(highs: Uint32Array) {
  const bits = Math.min(20, Math.max(1, Math.ceil(Math.log2(Math.max(2, highs.length)))));
  const shift = 32 - bits;
  const starts = new Uint32Array(2 ** bits + 1);
  let position = 0;
  for (let bucket = 0; bucket < starts.length; bucket++) {
    while (position < highs.length && (highs[position] as number) >>> shift < bucket) position++;
    starts[bucket] = position;
  }
  return { starts, shift };
}
