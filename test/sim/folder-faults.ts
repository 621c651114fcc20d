import type { FaultKind } from './fault-kind.js';
import type { SimWorld } from './sim-world.js';

/** What happens to the data folders of a minority of the storage nodes. */
export const FOLDER_FAULTS: readonly FaultKind[] = [
  {
    name: 'emptied_folder',
    inject: (world) => {
      const node = world.choice.oneOf(world.nodes);
      if (!node.process.alive || !allFoldersAreWhole(world)) return undefined;
      node.crash(world.choice.integer(0, 1));
      const kept = new Map(node.disk.entries);
      node.disk.entries.clear();
      node.folderIsWhole = false;
      void node.start();
      const undo = () => {
        node.crash(0);
        node.disk.entries.clear();
        for (const [name, value] of kept) node.disk.entries.set(name, value);
        node.folderIsWhole = true;
        void node.start();
      };
      return { what: `storage node ${node.nodeId} starts on an empty folder`, undo };
    },
  },
  {
    name: 'flipped_byte',
    inject: (world) => {
      const node = world.choice.oneOf(world.nodes);
      const { entries } = node.disk;
      const names = [...entries.keys()].filter((name) => name.charCodeAt(0) !== 0xff);
      if (names.length === 0 || !allFoldersAreWhole(world)) return undefined;
      const name = world.choice.oneOf(names);
      const whole = entries.get(name);
      if (whole === undefined) return undefined;
      const flipped = new Uint8Array(whole);
      const at = world.choice.integer(0, flipped.length - 1);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << world.choice.integer(0, 7));
      entries.set(name, flipped);
      node.folderIsWhole = false;
      const undo = () => {
        // Whatever was stored since stays.
        if (entries.get(name) === flipped) entries.set(name, whole);
        node.folderIsWhole = true;
      };
      return { what: `a byte of a record at storage node ${node.nodeId} is flipped`, undo };
    },
  },
];

function allFoldersAreWhole({ nodes }: SimWorld): boolean {
  return nodes.every(({ folderIsWhole }) => folderIsWhole);
}
