// A coordinator's services in this process, on a real PostgreSQL and three storage nodes in processes of their own: what the
// product does without the cost of HTTP around it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PostgresCoordinatorStore } from '../../dist/adapters/postgres/coordinator-store.js';
import { DATABASE_DEFAULTS, Database } from '../../dist/adapters/postgres/database.js';
import { startEmbeddedPostgres } from '../../dist/adapters/postgres/embedded/start-embedded-postgres.js';
import { PostgresIdempotencyStore } from '../../dist/adapters/postgres/idempotency-store.js';
import { migrateSchema } from '../../dist/adapters/postgres/migrate.js';
import { PostgresMigrationStore } from '../../dist/adapters/postgres/migration-store.js';
import { silentFeed } from '../../dist/adapters/postgres/topology-feed.js';
import { PostgresTopologyStore } from '../../dist/adapters/postgres/topology-store.js';
import { connectTransport } from '../../dist/adapters/replica/connect-transport.js';
import { systemClock } from '../../dist/adapters/system/system-clock.js';
import { systemRandom } from '../../dist/adapters/system/system-random.js';
import { assembleCoordinator } from '../../dist/compose/assemble-coordinator.js';
import { DEFAULT_LIMITS } from '../../dist/domain/request-fields.js';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const SECRET = 'a secret of this bench';
const log = { info() {}, warn() {}, error() {} };

export const TENANT = 'bench';

/** Runs the work with a coordinator's services, then ends and removes everything. */
export async function withCluster(work) {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
  chmodSync(folder, 0o711);
  const postgres = await startEmbeddedPostgres({
    home: folder,
    logFile: join(folder, 'postgres.log'),
    searchPath: process.env.PATH ?? '',
    random: systemRandom,
  });
  const nodes = [];
  let stop = async () => {};
  try {
    const started = await startCoordinator(postgres.url);
    stop = started.stop;
    for (const nodeId of ['n1', 'n2', 'n3']) {
      const node = await startNode(folder, nodeId);
      nodes.push(node.child);
      await started.services.addStorageNode({ nodeId, host: node.host, port: node.port, virtualNodes: 0, zone: '' });
    }
    await started.services.createTenant(TENANT, 3);
    await work(started.services);
  } finally {
    await stop();
    for (const child of nodes) {
      child.kill();
      if (child.exitCode === null) await once(child, 'exit');
    }
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startCoordinator(url) {
  const settings = { ...DATABASE_DEFAULTS, url, applicationName: 'bench' };
  await migrateSchema(settings);
  const database = new Database(settings);
  const { coordinator, stop } = await assembleCoordinator({
    coordinatorId: 'bench',
    advertisedAddress: 'bench:1',
    clusterSecret: Buffer.from(SECRET),
    limits: DEFAULT_LIMITS,
    timeouts: { replicaMs: 2000, twinWaitMs: 3000, leaseMs: 10_000 },
    transport: connectTransport,
    stores: {
      coordinators: new PostgresCoordinatorStore(database, systemRandom),
      topology: new PostgresTopologyStore(database, false),
      migrations: new PostgresMigrationStore(database),
      idempotency: new PostgresIdempotencyStore(database),
      feed: silentFeed,
    },
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const end = async () => {
    await stop();
    await database.close();
  };
  return { services: coordinator, stop: end };
}

async function startNode(folder, nodeId) {
  const secretFile = join(folder, 'cluster-secret');
  writeFileSync(secretFile, SECRET, { mode: 0o600 });
  const place = ['--listen', '127.0.0.1:0', '--data', join(folder, nodeId), '--cluster-secret-file', secretFile];
  const child = spawn(process.execPath, [PROGRAM, 'storage-node', '--id', nodeId, ...place], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const [{ host, port }] = await once(child, 'message');
  return { child, host, port };
}

/** Keeps so many operations in flight for a while; returns the operations per second. */
export async function throughput(run, inFlight, durationMs) {
  const startedMs = performance.now();
  let count = 0;
  const worker = async () => {
    while (performance.now() - startedMs < durationMs) {
      await run();
      count++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return count / ((performance.now() - startedMs) / 1000);
}

/** A request may take so long. */
export function context(withinMs = 10_000) {
  return {
    deadlineMs: systemClock.monotonicMs() + withinMs,
    deadlineWallMs: systemClock.wallMs() + withinMs,
    signal: NEVER,
  };
}

const NEVER = new AbortController().signal;
