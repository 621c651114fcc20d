import type { FaultKind } from './fault-kind.js';

/** What happens to the network, disks and the metadata store. */
export const SURROUNDING_FAULTS: readonly FaultKind[] = [
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
    name: 'narrow_links',
    inject: ({ weather, choice }) => {
      // Long values wait for each other, and for longer than their deadlines.
      const bytesPerMs = choice.oneOf([500, 2000, 20_000]);
      weather.bytesPerMs = bytesPerMs;
      const undo = () => {
        weather.bytesPerMs = undefined;
      };
      return { what: `links carry ${bytesPerMs} bytes a millisecond`, undo };
    },
  },
  {
    name: 'slow_node',
    inject: ({ weather, choice, nodes }) => {
      const { nodeId } = choice.oneOf(nodes);
      weather.slow.add(nodeId);
      return { what: `storage node ${nodeId} is slow to reach`, undo: () => void weather.slow.delete(nodeId) };
    },
  },
  {
    name: 'slow_coordinator',
    inject: ({ weather, choice, coordinators }) => {
      // What it was told is old when it hears it: others have written meanwhile.
      const { coordinatorId } = choice.oneOf(coordinators);
      if (coordinators.some((one) => weather.slow.has(one.coordinatorId))) return undefined;
      weather.slow.add(coordinatorId);
      const undo = () => void weather.slow.delete(coordinatorId);
      const what = `everything takes long to and from coordinator ${coordinatorId}`;
      return { what, undo, forMs: choice.between(50, 2000) };
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
      disk.freeBytes = 0;
      // Others may fill it faster than the node looks: a commit fails, and the node ends and starts again.
      disk.full = world.choice.chance(0.5);
      const undo = () => {
        disk.full = false;
        disk.freeBytes = Number.POSITIVE_INFINITY;
        const node = world.nodes.find((one) => one.nodeId === nodeId);
        if (node?.process.alive === false) void node.start();
      };
      return { what: `the disk of storage node ${nodeId} is full${disk.full ? ' at once' : ''}`, undo };
    },
  },
  {
    name: 'secret_rotation',
    inject: ({ metadata }) => {
      metadata.rotateSealingSecret();
      return { what: 'the sealing secret is rotated' };
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
    name: 'store_late',
    inject: ({ weather, choice }) => {
      weather.storeLate = choice.between(0.1, 0.6);
      return {
        what: 'statements run at the metadata store when nobody waits for them any more',
        undo: () => {
          weather.storeLate = 0;
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
