import type { FaultKind } from './fault-kind.js';
import type { SimWorld } from './sim-world.js';

const HOUR_MS = 3_600_000;

/** A wall clock that can be made to jump: a process's, or the metadata store's own. */
interface Clocked {
  readonly name: string;
  jumpClock(skewMs: number): void;
}

/**
 * What happens to wall clocks. Hours are beyond every bound (a coordinator's five minutes, a storage node's hour): what
 * was written meanwhile must stop nobody once the clocks are right again.
 */
export const CLOCK_FAULTS: readonly FaultKind[] = [
  {
    name: 'clock_jump',
    inject: (world) => {
      const part = world.choice.oneOf([...world.nodes, ...world.coordinators, ...world.coordinators]);
      // Some within what a coordinator may be off, some beyond: it then takes no writes, once it knows.
      const skewMs = world.choice.between(-1, 1) * world.choice.oneOf([50, 2000, 200_000, 500_000, 3_000_000]);
      const beforeMs = part.skewMs;
      part.jumpClock(skewMs);
      const what = `the clock of ${part.process.name} is off by ${skewMs.toFixed(0)} ms`;
      // Once back, its clock is behind what it wrote meanwhile.
      return world.choice.chance(0.6) ? { what, undo: () => part.jumpClock(beforeMs) } : { what };
    },
  },
  {
    name: 'clocks_behind',
    inject: ({ choice, coordinators }) => {
      // What is written meanwhile lies ahead of every clock afterwards: dots then follow what storage nodes tell.
      for (const coordinator of coordinators) coordinator.jumpClock(250_000);
      const undo = () => {
        for (const coordinator of coordinators) coordinator.jumpClock(0);
      };
      return { what: 'all coordinators are ahead for a moment', undo, forMs: choice.between(20, 100) };
    },
  },
  {
    name: 'clock_hours',
    inject: (world) => {
      const part = world.choice.oneOf([...world.nodes, ...world.coordinators]);
      return mostAreRight(world) ? offByHours(world, named([part])) : undefined;
    },
  },
  {
    name: 'host_clock_hours',
    inject: (world) => {
      const { choice, nodes, coordinators, store } = world;
      if (!mostAreRight(world)) return undefined;
      // Whoever shares a host shares its clock.
      const shared = choice.chance(0.5) ? [store] : [];
      return offByHours(world, [...named([choice.oneOf(coordinators), choice.oneOf(nodes)]), ...shared]);
    },
  },
  {
    name: 'all_clocks_hours',
    inject: (world) => offByHours(world, [...named([...world.coordinators, ...world.nodes]), world.store]),
  },
  {
    name: 'store_clock_jump',
    inject: ({ choice, store }) => {
      // Leases and the 24 hours of idempotency keys are judged by this clock; all jumps together stay below 24 hours.
      const skewMs = choice.between(-1, 1) * choice.oneOf([300, 3000, 200_000, 1_000_000, 8 * HOUR_MS]);
      store.jumpClock(skewMs);
      const what = `the metadata store's clock is off by ${skewMs.toFixed(0)} ms`;
      return choice.chance(0.7) ? { what, undo: () => store.jumpClock(0) } : { what };
    },
  },
];

/** Long enough for a write in between, or for heartbeats to notice. */
const RIGHT_AFTER_MS: readonly (readonly [minMs: number, maxMs: number])[] = [
  [20, 300],
  [300, 1000],
  [1000, 4000],
];

function offByHours({ choice }: SimWorld, parts: readonly Clocked[]) {
  const hours = choice.oneOf([-5, -2, 2, 2, 5]);
  for (const part of parts) part.jumpClock(hours * HOUR_MS);
  const undo = () => {
    for (const part of parts) part.jumpClock(0);
  };
  const [minMs, maxMs] = choice.oneOf(RIGHT_AFTER_MS);
  const names = parts.map(({ name }) => name).join(', ');
  return { what: `the clock of ${names} is off by ${hours} h`, undo, forMs: choice.between(minMs, maxMs) };
}

/** Storage nodes whose clocks are off by hours stay a minority at any time; but all may be so one after the other. */
function mostAreRight({ nodes }: SimWorld): boolean {
  return nodes.every(({ skewMs }) => Math.abs(skewMs) < HOUR_MS);
}

function named(parts: readonly (SimWorld['nodes'][number] | SimWorld['coordinators'][number])[]): Clocked[] {
  return parts.map((part) => ({ name: part.process.name, jumpClock: (skewMs) => part.jumpClock(skewMs) }));
}
