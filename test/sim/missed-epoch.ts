import type { HistoryEntry } from './history.js';
import { SimClient } from './sim-client.js';
import type { SimCoordinator } from './sim-coordinator.js';
import { type SimWorld, VIRTUAL_NODES } from './sim-world.js';
import { CHECKING } from './workload.js';

/** A round trip and a flush or two in fair weather. */
const TOLD_MS = 50;
/** A coordinator that was paused finds its streams dead and connects again. */
const SERVES_WITHIN_MS = 12_000;
const POLL_MS = 250;

/**
 * In fair weather: a coordinator misses an epoch in which a storage node moves; then the metadata store and every other
 * coordinator are away, and at times the nodes start again. The nodes alone know the epoch, and the coordinator has to
 * serve, on all of them.
 */
export async function missEpoch(world: SimWorld, keys: readonly string[]): Promise<HistoryEntry[]> {
  const { clock, choice, weather } = world;
  const client = new SimClient('away', world, CHECKING);
  const [behind, ...others] = choice.chance(0.5) ? world.coordinators : [...world.coordinators].reverse();
  if (behind === undefined) return [];
  behind.process.pause();
  await move(world, others);
  await clock.advance(choice.between(TOLD_MS, choice.oneOf([100, 7000])));
  weather.storeDown = true;
  for (const { process } of others) process.pause();
  if (choice.chance(0.5)) await startNodesAgain(world);
  behind.process.resume();
  await clock.advance(TOLD_MS);
  if (!(await serves(world, behind, client, keys)))
    world.violations.push(`${behind.coordinatorId} does not serve an epoch that it missed while the store is away`);
  weather.storeDown = false;
  for (const { process } of others) process.resume();
  return client.history;
}

async function move(world: SimWorld, movers: readonly SimCoordinator[]): Promise<void> {
  const { clock, choice, metadata, violations } = world;
  const node = choice.oneOf(world.nodes);
  node.crash(0);
  node.port = world.newPort();
  await clock.settle(node.start());
  const { nodeId, host, port } = node;
  const services = choice.oneOf(movers).services;
  const request = { nodeId, host, port, virtualNodes: VIRTUAL_NODES, zone: '' };
  await clock.settle(Promise.resolve(services?.addStorageNode(request)));
  await clock.advance(TOLD_MS);
  if (metadata.nodes.get(nodeId)?.port !== port) violations.push(`in fair weather ${nodeId} can not move`);
}

async function startNodesAgain({ clock, nodes }: SimWorld): Promise<void> {
  for (const node of nodes) node.crash(0);
  await clock.settle(Promise.all(nodes.map((node) => node.start())));
}

async function serves(
  { clock }: SimWorld,
  coordinator: SimCoordinator,
  client: SimClient,
  keys: readonly string[],
): Promise<boolean> {
  const untilMs = clock.monotonicMs() + SERVES_WITHIN_MS;
  while (clock.monotonicMs() < untilMs) {
    let served = coordinator.ready;
    for (const key of keys) {
      const { outcome } = await clock.settle(client.read(key, 'all', coordinator));
      served &&= outcome === 'ok';
    }
    if (served) return true;
    await clock.advance(POLL_MS);
  }
  return false;
}
