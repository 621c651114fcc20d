import { sameDot } from '../../src/domain/clock.js';
import { placementOf, snapshotOf } from '../../src/domain/topology.js';
import type { CoordinatorServices } from '../../src/services/coordinator-services.js';
import { decodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey } from '../../src/wire/storage-key.js';
import { Faults } from './faults.js';
import { type HistoryEntry, registerOperations } from './history.js';
import { missEpoch } from './missed-epoch.js';
import { violationOf } from './register-checker.js';
import { SimClient, type UsedKeys } from './sim-client.js';
import { SimWorld, TENANT, VIRTUAL_NODES } from './sim-world.js';

const CLIENTS = 5;
const KEYS = ['x', 'y'];
/** Never written: absent is an answer, too. */
const NEVER_WRITTEN = 'never';
/** What was under way ends within this; then everything has to answer again within the other, backoffs and dead peers over. */
const QUIET_MIN_MS = 300;
const RECOVERY_MAX_MS = 12_000;
const RECOVERY_POLL_MS = 250;
const RUN_MAX_MS = 10 * 60_000;
/** Timers of heartbeats, polls and sweeps; more means that something piles up. */
const PENDING_PER_PART_MAX = 60;

export interface SeedReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly history: readonly HistoryEntry[];
  readonly faults: readonly string[];
  readonly injected: ReadonlyMap<string, number>;
  readonly virtualMs: number;
}

export interface SeedOptions {
  readonly operations?: number;
  /** The kinds of faults; empty means all. */
  readonly faults?: readonly string[];
}

/** Runs one schedule: a workload under faults, then quiet, then every check. The same seed gives the same report. */
export async function runSeed(
  seed: number,
  { operations = 200, faults: only = [] }: SeedOptions = {},
): Promise<SeedReport> {
  const world = new SimWorld(seed);
  await world.begin();
  const faults = new Faults(world, only);
  const used: UsedKeys = new Map();
  const clients = Array.from({ length: CLIENTS }, (_, i) => new SimClient(`c${i + 1}`, world, KEYS, used));
  faults.start();
  const thinkMaxMs = world.choice.oneOf([2, 20, 60]);
  await world.clock.settle(
    Promise.all(clients.map((client) => client.run(operations / CLIENTS, thinkMaxMs))),
    RUN_MAX_MS,
  );
  faults.stop();
  await world.clock.advance(QUIET_MIN_MS);
  await recover(world);
  const missed = await missEpoch(world, KEYS);
  await recover(world);
  const history = [...clients.flatMap((client) => client.history), ...missed, ...(await readAll(world))];
  history.sort((a, b) => a.invokedMs - b.invokedMs);
  const violations = [...world.violations, ...violationsOf(world, history)];
  return { seed, violations, history, faults: faults.log, injected: faults.injected, virtualMs: world.nowMs };
}

/** Everything recovers by itself: waits until each coordinator is ready and each of its nodes answers it. */
async function recover(world: SimWorld): Promise<void> {
  for (let waitedMs = 0; waitedMs < RECOVERY_MAX_MS; waitedMs += RECOVERY_POLL_MS) {
    await recordAddresses(world);
    let answering = true;
    for (const { services, ready } of world.coordinators) answering &&= ready && (await allAnswer(world, services));
    if (answering) return;
    await world.clock.advance(RECOVERY_POLL_MS);
  }
  world.violations.push(`not everything answers ${RECOVERY_MAX_MS / 1000} s after the last fault`);
}

async function allAnswer(world: SimWorld, services: CoordinatorServices | undefined): Promise<boolean> {
  if (services === undefined) return false;
  const nodes = await world.clock.settle(services.listStorageNodes());
  return nodes.every(({ health, healthReason }) => health === 'up' && healthReason === '');
}

/** A node that moved while nobody could be told is reported by whoever moved it, as its operator would. */
async function recordAddresses(world: SimWorld): Promise<void> {
  const { services } = world.coordinators[0] ?? {};
  for (const { nodeId, host, port } of world.nodes) {
    if (services === undefined || world.metadata.nodes.get(nodeId)?.port === port) continue;
    const request = { nodeId, host, port, virtualNodes: VIRTUAL_NODES, zone: '' };
    await world.clock.settle(services.addStorageNode(request)).catch(() => {});
  }
}

/** After quiet everything answers again; at level all the replicas are brought together. */
async function readAll(world: SimWorld): Promise<HistoryEntry[]> {
  const reader = new SimClient('end', world, KEYS, new Map());
  for (const level of ['quorum', 'all'] as const) {
    for (const key of [...KEYS, NEVER_WRITTEN]) {
      await world.clock.settle(reader.read(key, level));
    }
  }
  await world.clock.advance(500);
  for (const { outcome, note, key } of reader.history) {
    if (outcome !== 'ok') world.violations.push(`after quiet ${key} can not be read: ${note}`);
  }
  return reader.history;
}

function violationsOf(world: SimWorld, history: readonly HistoryEntry[]): string[] {
  const operations = registerOperations(history);
  const violations: string[] = [];
  for (const key of [...KEYS, NEVER_WRITTEN]) {
    const violation = violationOf(operations.filter((operation) => operation.key === key));
    if (violation !== undefined) violations.push(`${key} is not linearizable: ${violation}`);
  }
  const parts = world.nodes.length * world.coordinators.length;
  if (world.clock.pending > PENDING_PER_PART_MAX * parts)
    violations.push(`${world.clock.pending} timers are pending after quiet`);
  return [...violations, ...divergenceOf(world)];
}

/** Every replica of a key holds the same version after quiet. */
function divergenceOf(world: SimWorld): string[] {
  const { nodes, tenants, epoch } = world.metadata;
  const tenant = tenants.get(TENANT);
  if (tenant === undefined) return ['the tenant is gone'];
  const snapshot = snapshotOf({ epoch, nodes: [...nodes.values()], tenants: [tenant] });
  const violations: string[] = [];
  for (const key of KEYS) {
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
