import type { CoordinatorServices } from './coordinator-services.js';
import type { Migrations } from './migrations.js';
import type { ReadKeyValue } from './read-key-value.js';
import type { StorageNodes } from './storage-nodes.js';
import type { Tenants } from './tenants.js';
import type { WriteKeyValue } from './write-key-value.js';

/** The use cases behind one face, for the routes. */
export function coordinatorServices(parts: {
  readonly writes: WriteKeyValue;
  readonly reads: ReadKeyValue;
  readonly tenants: Tenants;
  readonly nodes: StorageNodes;
  readonly migrations: Migrations;
}): CoordinatorServices {
  const { writes, reads, tenants, nodes, migrations } = parts;
  return {
    write: (request, context) => writes.write(request, context),
    read: (request, context) => reads.read(request, context),
    createTenant: (tenantId, replicationFactor) => tenants.create(tenantId, replicationFactor),
    updateReplicationFactor: (tenantId, wanted) => tenants.updateReplicationFactor(tenantId, wanted),
    getTenant: (tenantId) => tenants.get(tenantId),
    addStorageNode: (request) => nodes.add(request),
    // Forcing changes nothing yet: a node that may leave holds no data.
    removeStorageNode: (nodeId) => nodes.remove(nodeId),
    getMigration: (migrationId) => migrations.get(migrationId),
    listStorageNodes: () => nodes.list(),
  };
}
