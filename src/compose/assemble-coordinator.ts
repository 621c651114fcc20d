import { Introduction } from '../adapters/replica/introduction.js';
import { ReplicaPool } from '../adapters/replica/replica-pool.js';
import { HEARTBEAT_MS } from '../domain/node-health.js';
import type { FieldLimits } from '../domain/request-fields.js';
import { NO_TOPOLOGY } from '../domain/topology.js';
import type { Clock } from '../ports/clock.js';
import type { CoordinatorStore } from '../ports/coordinator-store.js';
import type { IdempotencyStore } from '../ports/idempotency-store.js';
import type { Log } from '../ports/log.js';
import type { MigrationStore } from '../ports/migration-store.js';
import type { Random } from '../ports/random.js';
import type { ReplicaTransport } from '../ports/replica-transport.js';
import type { TopologyFeed, TopologyStore } from '../ports/topology-store.js';
import { AheadWatch } from '../services/ahead-watch.js';
import { BackgroundLoop } from '../services/background-loop.js';
import { ClockGuard } from '../services/clock-guard.js';
import { coordinatorServices } from '../services/coordinator.js';
import { CoordinatorPresence } from '../services/coordinator-presence.js';
import type { CoordinatorServices } from '../services/coordinator-services.js';
import { KeyedWrites } from '../services/keyed-writes.js';
import { Migrations } from '../services/migrations.js';
import { ReadKeyValue } from '../services/read-key-value.js';
import { type Readiness, ReadinessCheck } from '../services/readiness.js';
import { ReplicatedWrite } from '../services/replicated-write.js';
import { RowChanges } from '../services/row-changes.js';
import { SealedWrites } from '../services/sealed-writes.js';
import { SealingSecrets } from '../services/sealing-secrets.js';
import { StorageNodes } from '../services/storage-nodes.js';
import { Tenants } from '../services/tenants.js';
import { TopologyWatch } from '../services/topology-watch.js';
import { WriteKeyValue } from '../services/write-key-value.js';

/** Another coordinator's change is seen within a second, also without LISTEN. */
const TOPOLOGY_POLL_MS = 500;
const SECRETS_EVERY_MS = 10_000;
const EXPIRY_EVERY_MS = 60_000;
const EXPIRED_AT_ONCE = 1000;

export interface Timeouts {
  readonly replicaMs: number;
  readonly twinWaitMs: number;
  readonly leaseMs: number;
}

export interface CoordinatorStores {
  readonly coordinators: CoordinatorStore;
  readonly topology: TopologyStore;
  readonly migrations: MigrationStore;
  readonly idempotency: IdempotencyStore;
  readonly feed: TopologyFeed;
}

export interface CoordinatorParts {
  readonly coordinatorId: string;
  readonly advertisedAddress: string;
  readonly clusterSecret: Uint8Array;
  readonly limits: FieldLimits;
  readonly timeouts: Timeouts;
  readonly transport: ReplicaTransport;
  readonly stores: CoordinatorStores;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface AssembledCoordinator {
  readonly coordinator: CoordinatorServices;
  /** Whether it can serve; a drain is its caller's. */
  readiness(): Readiness;
  stop(): Promise<void>;
}

/** Everything of a coordinator but its port: also what a simulation runs, on other stores, clocks and networks. */
export async function assembleCoordinator(parts: CoordinatorParts): Promise<AssembledCoordinator> {
  const { coordinatorId, clusterSecret, stores, clock, random, log, transport } = parts;
  const { clusterId, sealingSecrets } = await stores.coordinators.identity();
  const incarnation = await stores.coordinators.raiseIncarnation(coordinatorId, parts.advertisedAddress);
  const guard = new ClockGuard(clock);
  const presence = new CoordinatorPresence(
    { coordinatorId, incarnation },
    { ...parts, store: stores.coordinators, guard },
  );
  const secrets = new SealingSecrets(stores.coordinators, clock, sealingSecrets);
  const actor = `${coordinatorId}@${incarnation}`;
  const greeting = { actor, clusterId, clusterSecret };
  const onNewerEpoch = (nodeId: string, epoch: number) => {
    topology.heard(nodeId, epoch);
    loops.topology.hint();
  };
  const replicas = new ReplicaPool({ transport, clock, random, log, greeting, onNewerEpoch }, NO_TOPOLOGY);
  const topology = new TopologyWatch({ store: stores.topology, replicas, clock, log });
  await presence.beat();
  await topology.refresh();
  const loops = {
    topology: new BackgroundLoop({ ...parts, name: 'following the topology', everyMs: TOPOLOGY_POLL_MS }, () =>
      topology.poll(),
    ),
    presence: new BackgroundLoop({ ...parts, name: 'the heartbeat', everyMs: HEARTBEAT_MS }, () => {
      ahead.check();
      return presence.beat();
    }),
    secrets: new BackgroundLoop({ ...parts, name: 'following the sealing secrets', everyMs: SECRETS_EVERY_MS }, () =>
      secrets.read(),
    ),
    expiry: new BackgroundLoop(
      { ...parts, name: 'removing expired idempotency keys', everyMs: EXPIRY_EVERY_MS },
      (stop) => removeExpired(stores.idempotency, stop),
    ),
  };
  topology.onChange((snapshot) => replicas.update(snapshot));
  replicas.update(topology.snapshot);
  const feedStop = new AbortController();
  const subscribed = stores.feed
    .subscribe(() => loops.topology.hint(), feedStop.signal)
    .catch((err: unknown) => {
      log.warn({ err }, 'the metadata store gives no hints of changes; the topology is polled');
    });
  const ahead = new AheadWatch({ topology, replicas, clock, log });
  for (const loop of Object.values(loops)) loop.start();
  const readiness = new ReadinessCheck({ guard, ahead, topology, replicas });
  const changes = new RowChanges({ store: stores.idempotency, clock, log });
  const introduction = new Introduction({ transport, clock, random, greeting, topology: () => topology.snapshot });
  return {
    coordinator: services(parts, {
      topology,
      replicas,
      introduction,
      guard,
      ahead,
      actor,
      changes,
      sealed: new SealedWrites(secrets, clock),
    }),
    readiness: () => readiness.current(),
    async stop() {
      feedStop.abort();
      await Promise.all([...Object.values(loops).map((loop) => loop.stop()), changes.stop()]);
      replicas.close();
      await subscribed;
    },
  };
}

interface LiveParts {
  readonly topology: TopologyWatch;
  readonly replicas: ReplicaPool;
  readonly introduction: Introduction;
  readonly guard: ClockGuard;
  readonly ahead: AheadWatch;
  readonly sealed: SealedWrites;
  readonly changes: RowChanges;
  readonly actor: string;
}

function services(parts: CoordinatorParts, live: LiveParts): CoordinatorServices {
  const { stores, timeouts, limits } = parts;
  const replicaTimeoutMs = timeouts.replicaMs;
  const writes = new ReplicatedWrite({ ...parts, ...live, replicaTimeoutMs });
  const keyed = new KeyedWrites({ ...parts, ...live, ...timeouts, store: stores.idempotency, writes });
  return coordinatorServices({
    writes: new WriteKeyValue({ ...parts, ...live, writes, keyed }),
    reads: new ReadKeyValue({ ...parts, ...live, replicaTimeoutMs }),
    tenants: new Tenants(stores.topology, live.topology, limits),
    nodes: new StorageNodes({ ...parts, ...live, store: stores.topology }),
    migrations: new Migrations(stores.migrations),
  });
}

/** A bounded number a statement, until none is left, or the coordinator stops. */
async function removeExpired(store: IdempotencyStore, stop: AbortSignal): Promise<void> {
  while ((await store.removeExpired(EXPIRED_AT_ONCE)) === EXPIRED_AT_ONCE && !stop.aborted);
}
