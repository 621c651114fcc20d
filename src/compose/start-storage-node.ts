import { statfs } from 'node:fs/promises';
import { createServer } from 'node:http2';
import { join } from 'node:path';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { flushFolder, makeFolderDurably } from '../adapters/system/durable-file.js';
import { acquireFolderLock } from '../adapters/system/folder-lock.js';
import { Http2Listener } from '../adapters/system/http2-listener.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import { openLmdbEngine } from '../storage-node/lmdb-engine.js';
import { replicaRoutes } from '../storage-node/replica-routes.js';
import { StorageNode } from '../storage-node/storage-node.js';

/** A batch of at most 1 MiB and one value beyond. */
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
/** A killed predecessor's process may take a moment to be gone. */
const LOCK_WAIT_MS = 10_000;

export interface StorageNodeOptions {
  readonly nodeId: string;
  readonly dataFolder: string;
  readonly host: string;
  /** 0 means a free one. */
  readonly port: number;
  readonly clusterSecret: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How long to wait for a predecessor to let the data folder go. */
  readonly lockWaitMs?: number;
  /** With less free space of the data folder's disk no writes are taken; undefined stands for no such floor. */
  readonly freeBytesMin?: number;
  /** The boot of a host that is gone for good, whose lock on the data folder is taken over. */
  readonly takeOver?: string | undefined;
  /** The storage engine failed: the node serves nothing any more. */
  readonly onFailure: (failure: unknown) => void;
  /** Further services on the same port, for measurements. */
  readonly extraRoutes?: (router: ConnectRouter, node: StorageNode) => void;
}

export interface RunningStorageNode {
  readonly host: string;
  readonly port: number;
  readonly storeId: string;
  close(): Promise<void>;
}

/**
 * Opens the data folder and serves the replica stream on clear-text HTTP/2.
 * @throws FolderInUseError, FolderLockedElsewhereError, FolderLockError, AddressUnavailableError, or Error for a folder of another node or a newer release
 */
export async function startStorageNode(options: StorageNodeOptions): Promise<RunningStorageNode> {
  const { nodeId, dataFolder, clusterSecret, clock, random, log, onFailure, extraRoutes } = options;
  await makeFolderDurably(dataFolder, 0o700);
  const { lockWaitMs: waitMs = LOCK_WAIT_MS, takeOver } = options;
  const lock = await acquireFolderLock(dataFolder, { info: { nodeId }, waitMs, takeOver });
  const engine = openLmdbEngine(join(dataFolder, 'records'));
  const closeFolder = async () => {
    await engine.close();
    await lock.release();
  };
  try {
    // LMDB flushes its file, but not the name of a file that it made.
    for (const folder of [join(dataFolder, 'records'), dataFolder]) await flushFolder(folder);
    const disk = { freeBytes: () => freeBytes(dataFolder), freeBytesMin: options.freeBytesMin ?? 0 };
    const node = await StorageNode.open({ nodeId, engine, clock, random, disk, onFailure });
    const host = { node, clusterSecret, clock, random, onFailure, diskUsagePercent: () => diskUsage(dataFolder) };
    const replica = replicaRoutes(host);
    const handler = connectNodeAdapter({
      routes: (router) => {
        replica.routes(router);
        extraRoutes?.(router, node);
      },
      contextValues: replica.contextValues,
      readMaxBytes: MESSAGE_BYTES_MAX,
      writeMaxBytes: MESSAGE_BYTES_MAX,
      // Frames are batches already, and the network between them is near.
      acceptCompression: [],
    });
    const listener = await Http2Listener.open(
      createServer(Http2Listener.SETTINGS, handler),
      options.host,
      options.port,
    );
    log.info({ nodeId, host: listener.host, port: listener.port, fence: node.fence }, 'the storage node serves');
    const close = async () => {
      replica.shutDown();
      await listener.close();
      await node.flushed().catch(() => {});
      await closeFolder();
    };
    return { host: listener.host, port: listener.port, storeId: node.identity.storeId, close };
  } catch (error) {
    await closeFolder();
    throw error;
  }
}

async function diskUsage(folder: string): Promise<number> {
  const { blocks, bfree } = await statfs(folder);
  return blocks === 0 ? 0 : ((blocks - bfree) / blocks) * 100;
}

/** Without what is reserved for root. */
async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
