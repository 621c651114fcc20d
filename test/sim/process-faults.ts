import type { FaultKind } from './fault-kind.js';
import { type SimWorld, VIRTUAL_NODES } from './sim-world.js';

/** What happens to storage nodes and coordinators. */
export const PROCESS_FAULTS: readonly FaultKind[] = [
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
      // Back at once, while what it sent is still on its way, or later.
      const forMs = world.choice.chance(0.5) ? world.choice.between(0.1, 20) : world.choice.between(20, 1000);
      return { what: `coordinator ${coordinator.coordinatorId} crashes`, undo, forMs };
    },
  },
  {
    name: 'coordinator_crash_sending',
    inject: ({ choice, coordinators, weather }) => {
      const coordinator = choice.oneOf(coordinators);
      const { process, coordinatorId } = coordinator;
      if (!process.alive || weather.trap !== undefined) return undefined;
      const spring = () => {
        weather.trap = undefined;
        if (coordinator.process !== process) return;
        coordinator.crash();
        void coordinator.start();
      };
      weather.trap = { name: process.name, framesLeft: choice.integer(0, 8), spring };
      const undo = () => {
        weather.trap = undefined;
      };
      return { what: `coordinator ${coordinatorId} will crash between two sends, and start again`, undo };
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
];

/** Now and then longer than any lease. */
function pauseMs(world: SimWorld): number {
  return world.choice.chance(0.25) ? world.choice.between(1000, 4000) : world.choice.between(5, 800);
}
