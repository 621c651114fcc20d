import type { CoordinatorServices } from '../../src/services/coordinator-services.js';
import type { HistoryEntry, Level } from './history.js';
import { missEpoch } from './missed-epoch.js';
import { accountsOf, divergenceOf } from './replica-divergence.js';
import { SimClient } from './sim-client.js';
import { RELAXED_KEY, type SimWorld, VIRTUAL_NODES } from './sim-world.js';
import { CHECKING, KEYS } from './workload.js';

/** Never written: absent is an answer, too. */
export const NEVER_WRITTEN = 'never';
/** What was under way ends within this, and nodes have looked at their disks; then everything has to answer again within the other, backoffs and dead peers over. */
const QUIET_MIN_MS = 1200;
const RECOVERY_MAX_MS = 12_000;
const RECOVERY_POLL_MS = 250;
/** Read repair in the background ends within this. */
const REPAIR_MAX_MS = 500;

/**
 * After the last fault everything recovers by itself: every key can be read, the replicas agree, and every key can be
 * written through every coordinator. One storage node whose folder stays emptied or damaged hinders only who needs all
 * replicas. Returns what was read and written; what fails is noted as the world's violations.
 */
export async function checkAfterQuiet(world: SimWorld): Promise<readonly HistoryEntry[]> {
  const underWayUntilMs = Math.max(world.lateUntilMs, world.network.busyUntilMs);
  await world.clock.advance(Math.max(QUIET_MIN_MS, underWayUntilMs - world.nowMs));
  await recover(world);
  const isWhole = world.nodes.every(({ folder }) => folder === 'whole');
  const missed = isWhole ? await missEpoch(world, KEYS) : [];
  await recover(world);
  const client = new SimClient('end', world, CHECKING);
  const levels: readonly Level[] = isWhole ? ['quorum', 'all'] : ['quorum'];
  await readAll(world, client, levels, [...KEYS, RELAXED_KEY, NEVER_WRITTEN]);
  await world.clock.advance(REPAIR_MAX_MS);
  // Before anything is written: a write would bring the replicas together.
  if (isWhole) world.violations.push(...divergenceOf(world, [...KEYS, RELAXED_KEY]));
  await writeAll(world, client);
  await readAll(world, client, levels, KEYS);
  world.violations.push(...(await accountsOf(world)));
  for (const { outcome, note, key, kind } of client.history) {
    if (outcome !== 'ok') world.violations.push(`after quiet ${key} can not be ${PARTICIPLES[kind]}: ${note}`);
  }
  return [...missed, ...client.history];
}

const PARTICIPLES = { read: 'read', write: 'written' } as const;

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

/** All but a storage node with another folder than the registered one. */
async function allAnswer(world: SimWorld, services: CoordinatorServices | undefined): Promise<boolean> {
  if (services === undefined) return false;
  const emptied = world.nodes.find(({ folder }) => folder === 'emptied');
  const listed = await world.clock.settle(services.listStorageNodes());
  return listed.every(({ node, health, healthReason }) =>
    node.nodeId === emptied?.nodeId ? healthReason !== '' : health === 'up' && healthReason === '',
  );
}

/** A node that moved while nobody could be told is reported by whoever moved it, as its operator would. */
async function recordAddresses(world: SimWorld): Promise<void> {
  const { services } = world.coordinators[0] ?? {};
  for (const { nodeId, host, port, folder } of world.nodes) {
    if (services === undefined || folder === 'emptied') continue;
    if (world.metadata.nodes.get(nodeId)?.port === port) continue;
    const request = { nodeId, host, port, virtualNodes: VIRTUAL_NODES, zone: '' };
    await world.clock.settle(services.addStorageNode(request)).catch(() => {});
  }
}

/** At level all the replicas are brought together. */
async function readAll(
  world: SimWorld,
  client: SimClient,
  levels: readonly Level[],
  keys: readonly string[],
): Promise<void> {
  for (const level of levels) {
    for (const key of keys) await world.clock.settle(client.read(key, level));
  }
}

async function writeAll(world: SimWorld, client: SimClient): Promise<void> {
  for (const coordinator of world.coordinators) {
    for (const key of KEYS) await world.clock.settle(client.writeOnce(key, 'quorum', coordinator));
  }
}
