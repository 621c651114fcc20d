import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { PostgresCoordinatorStore } from '../adapters/postgres/coordinator-store.js';
import { Database, type DatabaseSettings } from '../adapters/postgres/database.js';
import { PostgresIdempotencyStore } from '../adapters/postgres/idempotency-store.js';
import { checkSchema, migrateSchema } from '../adapters/postgres/migrate.js';
import { PostgresMigrationStore } from '../adapters/postgres/migration-store.js';
import { withSynchronousCommit } from '../adapters/postgres/synchronous-commit.js';
import { listenFeed, silentFeed } from '../adapters/postgres/topology-feed.js';
import { PostgresTopologyStore } from '../adapters/postgres/topology-store.js';
import { connectTransport } from '../adapters/replica/connect-transport.js';
import type { CoordinatorConfig } from '../config/coordinator-config.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import { rpcHandlers } from '../rpc/rpc-handler.js';
import { Admission } from '../server/admission.js';
import { readCertificate } from '../server/certificate.js';
import { CertificateWatch } from '../server/certificate-watch.js';
import { OnePort } from '../server/one-port.js';
import { portHandlers } from '../server/port-handlers.js';
import { DEFAULT_PORT_LIMITS } from '../server/port-limits.js';
import { RequestBodies } from '../server/request-bodies.js';
import type { Readiness } from '../services/readiness.js';
import { assembleCoordinator } from './assemble-coordinator.js';

export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface RunningCoordinator {
  readonly host: string;
  readonly port: number;
  /** Finishes what runs, for at most the configured time, then lets everything go. */
  drain(): Promise<void>;
}

/**
 * Brings the schema up to date, registers this start, reads the topology, connects to the storage nodes and listens.
 * @throws CertificateError, MetadataUnavailableError, LossyCommitsError, SchemaTooNewError, SchemaMissingError,
 *   AddressUnavailableError
 */
export async function startCoordinator(config: CoordinatorConfig, around: Surroundings): Promise<RunningCoordinator> {
  const { clock, random, log } = around;
  const asked: DatabaseSettings = { ...config.database, applicationName: `quorate ${config.coordinatorId}` };
  const certificate = config.tls && readCertificate(config.tls);
  const settings = await withSynchronousCommit(asked);
  await (config.migrates ? migrateSchema(settings) : checkSchema(settings));
  const database = new Database(settings);
  try {
    const { coordinator, readiness, stop } = await assembleCoordinator({
      ...around,
      coordinatorId: config.coordinatorId,
      advertisedAddress: config.advertise,
      clusterSecret: config.clusterSecret,
      limits: config.limits,
      timeouts: config.timeouts,
      transport: connectTransport,
      stores: {
        coordinators: new PostgresCoordinatorStore(database, random),
        topology: new PostgresTopologyStore(database, config.listens),
        migrations: new PostgresMigrationStore(database),
        idempotency: new PostgresIdempotencyStore(database),
        feed: config.listens ? listenFeed(settings) : silentFeed,
      },
    });
    const leaving = new AbortController();
    const readinessNow = (): Readiness =>
      leaving.signal.aborted ? { ready: false, reason: 'it is shutting down' } : readiness();
    const rpc = rpcHandlers({
      ...around,
      ...config.rpc,
      services: coordinator,
      valueBytesMax: config.limits.valueBytesMax,
      readiness: readinessNow,
      leaving: leaving.signal,
    });
    const admission = new Admission({ ...config.admitted, listenHost: config.host });
    const bodies = new RequestBodies(DEFAULT_PORT_LIMITS.bodies);
    const handlers = portHandlers({ rpc, admission, bodies, log, readiness: readinessNow, version: VERSION });
    const port = new OnePort(handlers, DEFAULT_PORT_LIMITS, certificate);
    const address = await port.listen(config.host, config.port).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
    const renewal =
      config.tls && certificate && new CertificateWatch(config.tls, certificate, log, (renewed) => port.renew(renewed));
    log.info({ coordinatorId: config.coordinatorId, ...address }, 'the coordinator serves');
    const drain = async () => {
      leaving.abort();
      renewal?.stop();
      await delay(config.drainDelayMs);
      await port.drain(config.drainTimeoutMs);
      await stop();
      await database.close();
      log.info({ atMs: clock.wallMs() }, 'the coordinator has stopped');
    };
    return { ...address, drain };
  } catch (error) {
    await database.close();
    throw error;
  }
}

const VERSION = String(
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version,
);
