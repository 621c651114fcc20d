import { checkAfterQuiet, NEVER_WRITTEN } from './after-quiet.js';
import { Faults } from './faults.js';
import { type HistoryEntry, registerOperations } from './history.js';
import { inventionIn, violationOf } from './register-checker.js';
import { SimClient } from './sim-client.js';
import { SimWorld } from './sim-world.js';
import { drawWorkload, KEYS } from './workload.js';

const RUN_MAX_MS = 10 * 60_000;
/** A lease that was given while the metadata store's clock was ahead lasts until that time comes again. */
const LEASES_FOLLOW_A_CLOCK_SET_BACK = false;
/** Timers of heartbeats, polls and sweeps; more means that something piles up. */
const PENDING_PER_PART_MAX = 60;
/** Every operation of a crowd asks for the time a few times. */
const ASKED_MAX = 2000;

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
  const workload = drawWorkload(world.choice);
  const clients = Array.from({ length: workload.clients }, (_, i) => new SimClient(`c${i + 1}`, world, workload));
  faults.start();
  const each = operations / clients.length;
  await world.clock.settle(Promise.all(clients.map((client) => client.run(each))), RUN_MAX_MS);
  faults.stop();
  const afterQuiet = await checkAfterQuiet(world);
  if (LEASES_FOLLOW_A_CLOCK_SET_BACK || !world.store.jumped) {
    for (const client of clients) await world.clock.settle(client.settleUnknown());
  }
  const history = [...clients.flatMap((client) => client.history), ...afterQuiet];
  history.sort((a, b) => a.invokedMs - b.invokedMs);
  const violations = [...world.violations, ...violationsOf(world, history)];
  return { seed, violations, history, faults: faults.log, injected: faults.injected, virtualMs: world.nowMs };
}

function violationsOf(world: SimWorld, history: readonly HistoryEntry[]): string[] {
  const operations = registerOperations(history);
  const violations: string[] = [];
  for (const key of [...KEYS, NEVER_WRITTEN]) {
    const ofKey = operations.filter((operation) => operation.key === key);
    const violation = world.hasForgotten ? inventionIn(ofKey) : violationOf(ofKey);
    if (violation !== undefined) violations.push(`${key} is no register: ${violation}`);
  }
  const parts = world.nodes.length * world.coordinators.length;
  if (world.clock.pending > PENDING_PER_PART_MAX * parts)
    violations.push(`${world.clock.pending} timers are pending after quiet`);
  if (world.clock.mostAsked > ASKED_MAX)
    violations.push(`something spins: the time was asked for ${world.clock.mostAsked} times in one step`);
  return violations;
}
