import { sameDot } from '../../src/domain/clock.js';
import { CLOCK_SKEW_MAX_MS } from '../../src/domain/hybrid-clock.js';
import { placementOf, snapshotOf } from '../../src/domain/topology.js';
import { type DecodedRecord, decodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey } from '../../src/wire/storage-key.js';
import { diskMeta, isRecord } from './disk-watch.js';
import type { SimNode } from './sim-node.js';
import { type SimWorld, tenantOf } from './sim-world.js';
import { nameOf } from './written-values.js';

/** A coordinator compares its clock by one round trip, of which it knows no more than how long it took. */
const COMPARED_WITHIN_MS = 3000;

/** After quiet every replica of a key holds the same version. */
export function divergenceOf(world: SimWorld, keys: readonly string[]): string[] {
  const { nodes, tenants, epoch } = world.metadata;
  const snapshot = snapshotOf({ epoch, nodes: [...nodes.values()], tenants: [...tenants.values()] });
  return keys.flatMap((key) => {
    const tenant = tenants.get(tenantOf(key));
    if (tenant === undefined) return [`the tenant of ${key} is gone`];
    const placement = placementOf(snapshot, tenant, Buffer.from(key));
    const name = encodeStorageKey({ tenantNumber: tenant.number, token: placement.token, key: Buffer.from(key) });
    const stored = (placement.sets[0] ?? []).map((nodeId) => {
      const disk = world.nodes.find((node) => node.nodeId === nodeId)?.disk;
      const bytes = disk?.entries.get(Buffer.from(name).toString('latin1'));
      return bytes === undefined ? undefined : decodeRecord(bytes);
    });
    if (stored.every((other) => sameVersion(stored[0], other))) return [];
    return [`the replicas of ${key} differ after quiet: ${JSON.stringify(stored.map(versionOf))}`];
  });
}

function versionOf(decoded: DecodedRecord | undefined) {
  if (decoded?.kind !== 'record') return decoded?.kind;
  const { dot, value } = decoded.record.version;
  return { ...dot, value: value === null ? null : nameOf(value) };
}

function sameVersion(a: DecodedRecord | undefined, b: DecodedRecord | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.kind !== 'record' || b.kind !== 'record') return false;
  const [one, other] = [a.record.version, b.record.version];
  if (one.value === null || other.value === null) return one.value === other.value && sameDot(one.dot, other.dot);
  return sameDot(one.dot, other.dot) && Buffer.compare(one.value, other.value) === 0;
}

/** What storage nodes say of their records, against what their disks hold; also what a coordinator lists of them. */
export async function accountsOf(world: SimWorld): Promise<string[]> {
  const { services } = world.coordinators[0] ?? {};
  const listed = services === undefined ? [] : await world.clock.settle(services.listStorageNodes());
  return world.nodes
    .filter(({ folder }) => folder === 'whole')
    .flatMap((simNode) => {
      const said = listed.find(({ node }) => node.nodeId === simNode.nodeId);
      return [...accountOf(simNode, said?.keysCount), ...aheadOf(world, simNode)];
    });
}

/** While the store's clock is right, no coordinator takes a dot that lies further ahead of it than clocks may differ. */
function aheadOf({ store, metadata }: SimWorld, { nodeId, node }: SimNode): string[] {
  const aheadMs = (node?.records.greatestTimestampUs ?? 0) / 1000 - metadata.wallMs();
  if (store.jumped || aheadMs <= CLOCK_SKEW_MAX_MS + COMPARED_WITHIN_MS) return [];
  return [`storage node ${nodeId} holds a dot ${(aheadMs / 1000).toFixed(0)} s ahead of the store's clock`];
}

function accountOf({ nodeId, node, disk }: SimNode, listedCount: number | undefined): string[] {
  if (node === undefined) return [`storage node ${nodeId} is down`];
  const { keysCount, greatestTimestampUs } = node.records;
  const meta = diskMeta(disk);
  const holds = new Map<number, number>();
  let [held, greatestUs] = [0, 0];
  for (const [name, bytes] of disk.entries) {
    const key = Buffer.from(name, 'latin1');
    if (!isRecord(key)) continue;
    const decoded = decodeRecord(bytes);
    if (decoded.kind !== 'record') return [`storage node ${nodeId} holds a record that can't be read`];
    const { dot, value } = decoded.record.version;
    greatestUs = Math.max(greatestUs, dot.timestamp);
    if (value === null) continue;
    held++;
    holds.set(key.readUInt32BE(), (holds.get(key.readUInt32BE()) ?? 0) + 1);
  }
  const said = (counts: ReadonlyMap<number, number>) => JSON.stringify([...counts].sort(([a], [b]) => a - b));
  return [
    ...(said(meta.counts) === said(holds)
      ? []
      : [`storage node ${nodeId} wrote the counts ${said(meta.counts)} for ${said(holds)}`]),
    ...(keysCount === held ? [] : [`storage node ${nodeId} counts ${keysCount} records and holds ${held}`]),
    ...(listedCount === held ? [] : [`storage node ${nodeId} is listed with ${listedCount} records and holds ${held}`]),
    ...(greatestTimestampUs >= greatestUs ? [] : [`storage node ${nodeId} forgot its greatest timestamp`]),
  ];
}
