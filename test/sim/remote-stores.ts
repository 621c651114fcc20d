import { MetadataUnavailableError } from '../../src/domain/errors.js';
import type { CoordinatorStore } from '../../src/ports/coordinator-store.js';
import type { IdempotencyStore } from '../../src/ports/idempotency-store.js';
import type { MigrationStore } from '../../src/ports/migration-store.js';
import type { TopologyFeed, TopologyStore } from '../../src/ports/topology-store.js';
import { MemoryIdempotencyStore } from '../support/memory-idempotency-store.js';
import type { MemoryMetadata } from '../support/memory-metadata.js';
import {
  MemoryTopologyStore,
  memoryCoordinatorStore,
  memoryMigrationStore,
  memoryTopologyFeed,
} from '../support/memory-stores.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import type { SimProcess } from './sim-process.js';

/** A coordinator gives a statement up after this; the store may run it all the same, then or later. */
export const STATEMENT_TIMEOUT_MS = 1000;

/** How the metadata store behaves at the moment. */
export interface StoreConduct {
  latencyMs(): number;
  /** It can't be reached: fails soon. */
  readonly down: boolean;
  /** What happens to one statement: lost on its way there, its answer on the way back, or it runs when nobody waits any more. */
  fate(): 'answered' | 'request_lost' | 'answer_lost' | 'late';
  /** How long after its sending a late statement runs: when its coordinator has given it up. */
  lateMs(): number;
}

export interface RemoteStores {
  readonly coordinators: CoordinatorStore;
  readonly topology: TopologyStore;
  readonly migrations: MigrationStore;
  readonly idempotency: IdempotencyStore;
  readonly feed: TopologyFeed;
}

/** The metadata store as one process sees it over a network: slow, away, or losing what was said. */
export function remoteStores(
  world: VirtualClock,
  process: SimProcess,
  metadata: MemoryMetadata,
  conduct: StoreConduct,
): RemoteStores {
  const call = <Result>(work: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      const away = () => new MetadataUnavailableError('the metadata store does not answer');
      if (conduct.down) return world.after(conduct.latencyMs(), () => process.run(() => reject(away())));
      const fate = conduct.fate();
      const timeout = world.after(STATEMENT_TIMEOUT_MS, () => process.run(() => reject(away())));
      if (fate === 'request_lost') return;
      world.after(fate === 'late' ? conduct.lateMs() : conduct.latencyMs(), () => {
        const back = (settle: () => void) => {
          if (fate !== 'answered') return;
          world.after(conduct.latencyMs(), () => {
            timeout.cancel();
            process.run(settle);
          });
        };
        work().then(
          (result) => back(() => resolve(result)),
          (error: unknown) => back(() => reject(error)),
        );
      });
    });
  const coordinators = memoryCoordinatorStore(metadata);
  const topology = new MemoryTopologyStore(metadata);
  const migrations = memoryMigrationStore(metadata);
  const feed = memoryTopologyFeed(metadata);
  return {
    coordinators: {
      raiseIncarnation: (id, address) => call(() => coordinators.raiseIncarnation(id, address)),
      heartbeat: (id, incarnation) => call(() => coordinators.heartbeat(id, incarnation)),
      rotateSealingSecret: () => call(() => coordinators.rotateSealingSecret()),
      identity: () => call(() => coordinators.identity()),
    },
    topology: {
      load: () => call(() => topology.load()),
      version: () => call(() => topology.version()),
      tenantsFrom: (tenantNumber) => call(() => topology.tenantsFrom(tenantNumber)),
      findTenant: (tenantId) => call(() => topology.findTenant(tenantId)),
      change: (subject, decide) => call(() => topology.change(subject, decide)),
    },
    migrations: { find: (id) => call(() => migrations.find(id)) },
    idempotency: remoteIdempotency(new MemoryIdempotencyStore(metadata), call),
    feed: {
      subscribe: (onHint, signal) =>
        feed.subscribe(() => world.after(conduct.latencyMs(), () => process.run(onHint)), signal),
    },
  };
}

function remoteIdempotency(
  store: IdempotencyStore,
  call: <Result>(work: () => Promise<Result>) => Promise<Result>,
): IdempotencyStore {
  return {
    // An insert whose outcome was lost is read back, as the port promises: the same reservation again tells.
    reserve: (reservation, withinMs) =>
      call(() => store.reserve(reservation, withinMs)).catch((error: unknown) => {
        if (!(error instanceof MetadataUnavailableError)) throw error;
        return call(() => store.reserve(reservation, withinMs));
      }),
    find: (scope, withinMs) => call(() => store.find(scope, withinMs)),
    takeOver: (scope, fingerprint, owner, leaseMs) => call(() => store.takeOver(scope, fingerprint, owner, leaseMs)),
    storeAnswer: (row, answer) => call(() => store.storeAnswer(row, answer)),
    release: (row, maybeAnswered) => call(() => store.release(row, maybeAnswered)),
    forget: (row) => call(() => store.forget(row)),
    removeExpired: (limit) => call(() => store.removeExpired(limit)),
  };
}
