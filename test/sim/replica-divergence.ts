import { sameDot } from '../../src/domain/clock.js';
import { placementOf, snapshotOf } from '../../src/domain/topology.js';
import { decodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey } from '../../src/wire/storage-key.js';
import { type SimWorld, TENANT } from './sim-world.js';

/** Every replica of a key holds the same version after quiet. */
export function divergenceOf(world: SimWorld, keys: readonly string[]): string[] {
  const { nodes, tenants, epoch } = world.metadata;
  const tenant = tenants.get(TENANT);
  if (tenant === undefined) return ['the tenant is gone'];
  const snapshot = snapshotOf({ epoch, nodes: [...nodes.values()], tenants: [tenant] });
  const violations: string[] = [];
  for (const key of keys) {
    const placement = placementOf(snapshot, tenant, Buffer.from(key));
    const name = encodeStorageKey({ tenantNumber: tenant.number, token: placement.token, key: Buffer.from(key) });
    const dots = (placement.sets[0] ?? []).map((nodeId) => {
      const stored = world.nodes
        .find((node) => node.nodeId === nodeId)
        ?.disk.entries.get(Buffer.from(name).toString('latin1'));
      const decoded = stored === undefined ? undefined : decodeRecord(stored);
      return decoded?.kind === 'record' ? decoded.record.version.dot : undefined;
    });
    const [first] = dots;
    const same = dots.every((dot) => (dot === undefined || first === undefined ? dot === first : sameDot(dot, first)));
    if (!same) violations.push(`the replicas of ${key} differ after quiet: ${JSON.stringify(dots)}`);
  }
  return violations;
}
