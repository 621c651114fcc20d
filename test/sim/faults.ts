import { type SimWorld, VIRTUAL_NODES } from './sim-world.js';

/** One kind of fault: done at once, and undone after a while. */
interface FaultKind {
  readonly name: string;
  /** Does it, and says what was done and how to undo it; undefined when there is nothing to do it to. */
  readonly inject: (
    world: SimWorld,
  ) => { readonly what: string; readonly undo?: () => void; readonly forMs?: number } | undefined;
}

const FAULT_KINDS: readonly FaultKind[] = [
  {
    name: 'node_crash',
    inject: (world) => {
      const node = world.choice.oneOf(world.nodes);
      if (!node.process.alive) return undefined;
      node.crash(world.choice.integer(0, 2));
      const undo = () => void (node.process.alive || node.start());
      return { what: `storage node ${node.nodeId} crashes`, undo };
    },
  },
  {
    name: 'node_power_loss',
    inject: (world) => {
      for (const node of world.nodes) node.crash(world.choice.integer(0, 1));
      const undo = () => {
        for (const node of world.nodes) if (!node.process.alive) void node.start();
      };
      return { what: 'all storage nodes lose power', undo, forMs: world.choice.between(5, 300) };
    },
  },
  {
    name: 'node_move',
    inject: (world) => {
      const node = world.choice.oneOf(world.nodes);
      const { services, process } = world.choice.oneOf(world.coordinators);
      if (!node.process.alive || services === undefined) return undefined;
      node.crash(world.choice.integer(0, 1));
      node.port = world.newPort();
      const { nodeId, host, port } = node;
      const undo = () => {
        if (!node.process.alive) void node.start();
        const request = { nodeId, host, port, virtualNodes: VIRTUAL_NODES, zone: '' };
        process.run(() => void services.addStorageNode(request).catch(() => {}));
      };
      return { what: `storage node ${nodeId} moves to port ${port}`, undo, forMs: world.choice.between(10, 500) };
    },
  },
  {
    name: 'node_pause',
    inject: (world) => {
      const { process } = world.choice.oneOf(world.nodes);
      if (!process.alive || process.paused) return undefined;
      process.pause();
      return { what: `storage node ${process.name} is paused`, undo: () => process.resume(), forMs: pauseMs(world) };
    },
  },
  {
    name: 'coordinator_crash',
    inject: (world) => {
      const coordinator = world.choice.oneOf(world.coordinators);
      if (!coordinator.process.alive) return undefined;
      coordinator.crash();
      const undo = () => void (coordinator.process.alive || coordinator.start());
      return { what: `coordinator ${coordinator.coordinatorId} crashes`, undo };
    },
  },
  {
    name: 'coordinator_pause',
    inject: (world) => {
      const { process } = world.choice.oneOf(world.coordinators);
      if (!process.alive || process.paused) return undefined;
      process.pause();
      return { what: `coordinator ${process.name} is paused`, undo: () => process.resume(), forMs: pauseMs(world) };
    },
  },
  {
    name: 'partition',
    inject: (world) => {
      const everybody = [...world.nodes, ...world.coordinators].map(({ process }) => process.name);
      const side = everybody.filter(() => world.choice.chance(0.4));
      const others = everybody.filter((name) => !side.includes(name));
      const oneWay = world.choice.chance(0.4);
      const cuts = side.flatMap((one) =>
        others.flatMap((other) => (oneWay ? [`${one}>${other}`] : [`${one}>${other}`, `${other}>${one}`])),
      );
      for (const cut of cuts) world.weather.cuts.add(cut);
      const undo = () => {
        for (const cut of cuts) world.weather.cuts.delete(cut);
      };
      return { what: `${oneWay ? 'one-way ' : ''}partition of ${side.join(',')} from ${others.join(',')}`, undo };
    },
  },
  {
    name: 'message_loss',
    inject: ({ weather, choice }) => {
      weather.dropped = choice.between(0.02, 0.3);
      return {
        what: `messages are lost (${weather.dropped.toFixed(2)})`,
        undo: () => {
          weather.dropped = 0;
        },
      };
    },
  },
  {
    name: 'message_doubling',
    inject: ({ weather, choice }) => {
      weather.doubled = choice.between(0.05, 0.4);
      return {
        what: `messages are doubled (${weather.doubled.toFixed(2)})`,
        undo: () => {
          weather.doubled = 0;
        },
      };
    },
  },
  {
    name: 'message_reordering',
    inject: ({ weather, choice }) => {
      weather.overtaken = choice.between(0.05, 0.5);
      return {
        what: `messages overtake each other (${weather.overtaken.toFixed(2)})`,
        undo: () => {
          weather.overtaken = 0;
        },
      };
    },
  },
  {
    name: 'slow_network',
    inject: ({ weather, choice }) => {
      weather.latencyMaxMs = choice.between(5, 400);
      return {
        what: `latency up to ${weather.latencyMaxMs.toFixed(0)} ms`,
        undo: () => {
          weather.latencyMaxMs = 0.6;
        },
      };
    },
  },
  {
    name: 'slow_disk',
    inject: ({ weather, choice }) => {
      weather.flushMaxMs = choice.between(10, 600);
      return {
        what: `flushes take up to ${weather.flushMaxMs.toFixed(0)} ms`,
        undo: () => {
          weather.flushMaxMs = 2;
        },
      };
    },
  },
  {
    name: 'full_disk',
    inject: (world) => {
      const { disk, nodeId } = world.choice.oneOf(world.nodes);
      disk.full = true;
      const undo = () => {
        disk.full = false;
        const node = world.nodes.find((one) => one.nodeId === nodeId);
        if (node?.process.alive === false) void node.start();
      };
      return { what: `the disk of storage node ${nodeId} is full`, undo };
    },
  },
  {
    name: 'clock_jump',
    inject: (world) => {
      const part = world.choice.oneOf([...world.nodes, ...world.coordinators, ...world.coordinators]);
      // Some within what a coordinator may be off, some beyond: it then takes no writes, once it knows.
      const skewMs = world.choice.between(-1, 1) * world.choice.oneOf([50, 2000, 200_000, 500_000, 3_000_000]);
      part.jumpClock(skewMs);
      return { what: `the clock of ${part.process.name} is off by ${skewMs.toFixed(0)} ms` };
    },
  },
  {
    name: 'store_away',
    inject: ({ weather }) => {
      weather.storeDown = true;
      return {
        what: 'the metadata store is away',
        undo: () => {
          weather.storeDown = false;
        },
      };
    },
  },
  {
    name: 'store_lossy',
    inject: ({ weather, choice }) => {
      weather.storeRequestLost = choice.between(0, 0.3);
      weather.storeAnswerLost = choice.between(0, 0.4);
      weather.storeLatencyMaxMs = choice.between(1, 200);
      const undo = () => {
        weather.storeRequestLost = 0;
        weather.storeAnswerLost = 0;
        weather.storeLatencyMaxMs = 1;
      };
      return { what: 'the metadata store is slow and loses statements and answers', undo };
    },
  },
];

export const FAULT_NAMES: readonly string[] = FAULT_KINDS.map(({ name }) => name);

/** Now and then longer than any lease. */
function pauseMs(world: SimWorld): number {
  return world.choice.chance(0.25) ? world.choice.between(1000, 4000) : world.choice.between(5, 800);
}

/** Injects faults of a few kinds, drawn from the seed, until stopped; then the weather is fair and everybody runs. */
export class Faults {
  readonly injected = new Map<string, number>();
  /** What was done when, for people. */
  readonly log: string[] = [];
  readonly #world: SimWorld;
  readonly #kinds: readonly FaultKind[];
  readonly #undo = new Set<() => void>();
  #stopped = false;

  constructor(world: SimWorld) {
    this.#world = world;
    // Few kinds at once go deeper than all of them together (Groce et al., "Swarm Testing", 2012).
    const share = world.choice.between(0.15, 0.8);
    this.#kinds = FAULT_KINDS.filter(() => world.choice.chance(share));
  }

  start(): void {
    if (this.#kinds.length > 0) this.#next();
  }

  stop(): void {
    this.#stopped = true;
    for (const undo of [...this.#undo]) undo();
    for (const part of [...this.#world.nodes, ...this.#world.coordinators]) {
      part.jumpClock(0);
      part.process.resume();
      if (!part.process.alive) void part.start();
    }
    this.log.push(`${this.#world.nowMs.toFixed(2).padStart(10)}  faults end`);
  }

  #next(): void {
    const { clock, choice } = this.#world;
    clock.after(choice.between(2, 250), () => {
      if (this.#stopped) return;
      this.#inject(choice.oneOf(this.#kinds));
      this.#next();
    });
  }

  #inject({ name, inject }: FaultKind): void {
    const { clock, choice, nowMs } = this.#world;
    const fault = inject(this.#world);
    if (fault === undefined) return;
    this.injected.set(name, (this.injected.get(name) ?? 0) + 1);
    this.log.push(`${nowMs.toFixed(2).padStart(10)}  ${fault.what}`);
    const { undo } = fault;
    if (undo === undefined) return;
    const once = () => {
      if (!this.#undo.delete(once)) return;
      undo();
      this.log.push(`${clock.monotonicMs().toFixed(2).padStart(10)}  over: ${fault.what}`);
    };
    this.#undo.add(once);
    clock.after(fault.forMs ?? choice.between(20, 1000), once);
  }
}
