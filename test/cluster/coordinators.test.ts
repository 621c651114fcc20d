import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DATABASE_DEFAULTS, openClient } from '../../src/adapters/postgres/database.js';
import { eventually } from '../support/eventually.js';
import { ProcessCluster } from '../support/process-cluster.js';
import { killAll, runQuorate } from '../support/quorate-process.js';

const ONE_SECOND_MS = 1000;

describe('coordinators side by side', () => {
  let cluster: ProcessCluster;

  beforeEach(async () => {
    cluster = await ProcessCluster.make();
  });
  afterEach(async () => {
    await cluster.remove();
    await killAll();
  });

  it.each(['on', 'off'])('follow each other within a second, with LISTEN %s', async (listen) => {
    await cluster.startNode('n1');
    const env = { DATABASE_LISTEN: listen };
    const [one, other] = await Promise.all([
      cluster.startCoordinator('c1', [], env),
      cluster.startCoordinator('c2', [], env),
    ]);
    await cluster.addNodes(one.client);
    await eventually(async () => (await other.client.listStorageNodes({})).nodes[0]?.health === 'up', ONE_SECOND_MS);
    await one.client.createTenant({ tenantId: 't', replicationFactor: 1 });
    await other.client.writeKeyValue({ tenantId: 't', key: 'k', value: Buffer.from('v') });
    expect(Buffer.from((await one.client.readKeyValue({ tenantId: 't', key: 'k' })).value).toString()).toBe('v');
  });

  it('may all start at the same moment on an empty database, with prepared statements and without', async () => {
    const ids = ['c1', 'c2', 'c3', 'c4'];
    await Promise.all(
      ids.map((id, i) => cluster.startCoordinator(id, [], { DATABASE_PREPARE: i % 2 === 0 ? 'on' : 'off' })),
    );
    for (const id of ids) {
      expect((await fetch(`${cluster.coordinator(id).url}/readyz`)).status).toBe(200);
      expect((await cluster.coordinator(id).client.listStorageNodes({})).nodes).toEqual([]);
    }
  });

  it('start on a database whose commits do not wait for the disk, but not behind a pooler, where they can not ask for it', async () => {
    const admin = openClient({ ...DATABASE_DEFAULTS, url: cluster.databaseUrl, applicationName: 'tests' });
    await admin.unsafe(`alter database ${new URL(cluster.databaseUrl).pathname.slice(1)} set synchronous_commit = off`);
    const pooled = cluster.startCoordinator('c1', [], { DATABASE_PREPARE: 'off' });
    await expect(pooled).rejects.toThrow('synchronous_commit is "off" for this role and database');
    await cluster.startCoordinator('c1');
    await admin.end();
  });

  it('leave the schema alone with --no-migrate, and start once "quorate migrate" has run', async () => {
    await expect(cluster.startCoordinator('c1', ['--no-migrate'])).rejects.toThrow('run "quorate migrate"');
    const migrated = await runQuorate(['migrate'], { env: { DATABASE_URL: cluster.databaseUrl } });
    expect(migrated).toMatchObject({ code: 0, stdout: 'The schema is up to date.\n' });
    await cluster.startCoordinator('c1', ['--no-migrate']);
  });
});
