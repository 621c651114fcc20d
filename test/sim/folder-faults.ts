import type { FaultKind } from './fault-kind.js';
import type { SimNode } from './sim-node.js';
import type { SimWorld } from './sim-world.js';

/** How often nobody repairs the folder. */
const FOR_EVER = 0.25;

/** What happens to the data folders of a minority of the storage nodes: to one at a time. */
export const FOLDER_FAULTS: readonly FaultKind[] = [
  {
    name: 'emptied_folder',
    inject: (world) => {
      const node = wholeNode(world);
      if (node === undefined) return undefined;
      const kept = node.swapFolder(new Map());
      node.folder = 'emptied';
      const what = `storage node ${node.nodeId} starts on an empty folder`;
      // Its volume is mounted again: it has its own folder, which nobody wrote to.
      const undo = () => {
        node.swapFolder(kept);
        node.folder = 'whole';
      };
      return world.choice.chance(FOR_EVER) ? { what } : { what, undo };
    },
  },
  {
    name: 'flipped_byte',
    inject: (world) => {
      const node = wholeNode(world);
      if (node === undefined) return undefined;
      const { entries } = node.disk;
      const names = [...entries.keys()].filter((name) => name.charCodeAt(0) !== 0xff);
      if (names.length === 0) return undefined;
      const name = world.choice.oneOf(names);
      const whole = entries.get(name) ?? new Uint8Array(0);
      const flipped = new Uint8Array(whole);
      const at = world.choice.integer(0, flipped.length - 1);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << world.choice.integer(0, 7));
      entries.set(name, flipped);
      node.folder = 'damaged';
      const what = `byte ${at} of a record at storage node ${node.nodeId} is flipped`;
      const undo = () => {
        entries.set(name, whole);
        node.folder = 'whole';
      };
      return world.choice.chance(FOR_EVER) ? { what } : { what, undo };
    },
  },
  {
    name: 'restored_snapshot',
    // Such seeds promise little, so they are few.
    share: 0.08,
    inject: (world) => {
      const node = wholeNode(world);
      if (node === undefined) return undefined;
      const { nodeId } = node;
      const snapshot = new Map(node.disk.entries);
      const undo = () => {
        if (node.folder !== 'whole') return;
        node.swapFolder(snapshot);
        world.hasForgotten = true;
      };
      return { what: `storage node ${nodeId} will be set back to a snapshot of now`, undo };
    },
  },
];

/** Some node that is up, unless the folder of any is not whole. */
function wholeNode({ nodes, choice }: SimWorld): SimNode | undefined {
  const node = choice.oneOf(nodes);
  return node.process.alive && nodes.every(({ folder }) => folder === 'whole') ? node : undefined;
}
