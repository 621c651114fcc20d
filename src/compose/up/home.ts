import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolderDurably, readOrMakeDurably } from '../../adapters/system/durable-file.js';
import type { Random } from '../../ports/random.js';

const NODES_DEFAULT = 3;

/** Everything that one `quorate up` keeps. */
export interface Home {
  readonly folder: string;
  readonly logs: string;
  /** Who of the parts runs, for the next start after a kill -9. */
  readonly run: string;
  readonly clusterSecretFile: string;
  /** Storage nodes; fixed with the first start. */
  readonly nodes: number;
  nodeData(nodeId: string): string;
}

/** The home has another number of storage nodes than was asked for. */
export class OtherSizeError extends Error {
  constructor(folder: string, has: number, wanted: number) {
    super(
      `--nodes: ${folder} has ${has} storage node${has === 1 ? '' : 's'}, not ${wanted}, and the number can't be changed ` +
        'yet: leave --nodes out, or choose another folder by --home',
    );
    this.name = 'OtherSizeError';
  }
}

/** Makes the folder, before it is locked. Root's must be enterable: PostgreSQL refuses to run as root. */
export async function makeHome(folder: string): Promise<void> {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  const isNew = (await stat(folder).catch(() => undefined)) === undefined;
  await makeFolderDurably(folder, mode);
  if (isNew) await chmod(folder, mode);
}

/**
 * Opens the home, or finishes making it: every file appears whole and is flushed before anything rests on it, so a start
 * that was killed in between, or lost its power, goes on here.
 * @throws OtherSizeError
 */
export async function openHome(folder: string, wantedNodes: number | undefined, random: Random): Promise<Home> {
  const logs = join(folder, 'logs');
  const run = join(folder, 'run');
  for (const path of [logs, run, join(folder, 'nodes')]) await makeFolderDurably(path, 0o700);
  const size = await readOrMakeDurably(
    join(folder, 'cluster.json'),
    () => `${JSON.stringify({ version: 1, nodes: wantedNodes ?? NODES_DEFAULT })}\n`,
  );
  const { nodes } = JSON.parse(size) as { readonly nodes: number };
  if (wantedNodes !== undefined && wantedNodes !== nodes) throw new OtherSizeError(folder, nodes, wantedNodes);
  const clusterSecretFile = join(folder, 'cluster-secret');
  await readOrMakeDurably(clusterSecretFile, () => `${Buffer.from(random.bytes(32)).toString('base64')}\n`);
  return { folder, logs, run, clusterSecretFile, nodes, nodeData: (nodeId) => join(folder, 'nodes', nodeId) };
}
