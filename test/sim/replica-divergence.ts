import { sameDot } from '../../src/domain/clock.js';
import { CLOCK_SKEW_MAX_MS } from '../../src/domain/hybrid-clock.js';
import { placementOf, snapshotOf } from '../../src/domain/topology.js';
import { type DecodedRecord, decodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey, TENANT_NUMBER_MAX } from '../../src/wire/storage-key.js';
import type { SimNode } from './sim-node.js';
import { type SimWorld, TENANT } from './sim-world.js';

/** A coordinator compares its clock by one round trip, of which it knows no more than how long it took. */
const COMPARED_WITHIN_MS = 3000;

/** After quiet every replica of a key holds the same version, and every node knows what it holds. */
export function divergenceOf(world: SimWorld, keys: readonly string[]): string[] {
  const { nodes, tenants, epoch } = world.metadata;
  const tenant = tenants.get(TENANT);
  if (tenant === undefined) return ['the tenant is gone'];
  const snapshot = snapshotOf({ epoch, nodes: [...nodes.values()], tenants: [tenant] });
  const violations = world.nodes.flatMap((node) => [...accountOf(node), ...aheadOf(world, node)]);
  for (const key of keys) {
    const placement = placementOf(snapshot, tenant, Buffer.from(key));
    const name = encodeStorageKey({ tenantNumber: tenant.number, token: placement.token, key: Buffer.from(key) });
    const stored = (placement.sets[0] ?? []).map((nodeId) => {
      const disk = world.nodes.find((node) => node.nodeId === nodeId)?.disk;
      const bytes = disk?.entries.get(Buffer.from(name).toString('latin1'));
      return bytes === undefined ? undefined : decodeRecord(bytes);
    });
    const [first] = stored;
    if (!stored.every((other) => sameVersion(first, other))) {
      violations.push(`the replicas of ${key} differ after quiet: ${JSON.stringify(stored.map(versionOf))}`);
    }
  }
  return violations;
}

function versionOf(decoded: DecodedRecord | undefined) {
  if (decoded?.kind !== 'record') return decoded?.kind;
  const { dot, value } = decoded.record.version;
  return { ...dot, value: value === null ? null : Buffer.from(value).toString() };
}

function sameVersion(a: DecodedRecord | undefined, b: DecodedRecord | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.kind !== 'record' || b.kind !== 'record') return false;
  const [one, other] = [a.record.version, b.record.version];
  if (one.value === null || other.value === null) return one.value === other.value && sameDot(one.dot, other.dot);
  return sameDot(one.dot, other.dot) && Buffer.compare(one.value, other.value) === 0;
}

/** While the store's clock is right, no coordinator takes a dot that lies further ahead of it than clocks may differ. */
function aheadOf({ store, metadata }: SimWorld, { nodeId, node }: SimNode): string[] {
  const aheadMs = (node?.records.greatestTimestampUs ?? 0) / 1000 - metadata.wallMs();
  if (store.jumped || aheadMs <= CLOCK_SKEW_MAX_MS + COMPARED_WITHIN_MS) return [];
  return [`storage node ${nodeId} holds a dot ${(aheadMs / 1000).toFixed(0)} s ahead of the store's clock`];
}

/** What a node says of its records against what its disk holds. */
function accountOf({ nodeId, node, disk }: SimNode): string[] {
  if (node === undefined) return [];
  const decoded = [...disk.entries]
    .filter(([name]) => Buffer.from(name, 'latin1').readUInt32BE() <= TENANT_NUMBER_MAX)
    .map(([, bytes]) => decodeRecord(bytes));
  const records = decoded.flatMap((one) => (one.kind === 'record' ? [one.record] : []));
  const live = records.filter(({ version }) => version.value !== null).length;
  const greatestUs = Math.max(0, ...records.map(({ version }) => version.dot.timestamp));
  const { keysCount, greatestTimestampUs } = node.records;
  return [
    ...(records.length === decoded.length ? [] : [`storage node ${nodeId} holds a record that can't be read`]),
    ...(keysCount === live ? [] : [`storage node ${nodeId} counts ${keysCount} records and holds ${live}`]),
    ...(greatestTimestampUs >= greatestUs ? [] : [`storage node ${nodeId} forgot its greatest timestamp`]),
  ];
}
