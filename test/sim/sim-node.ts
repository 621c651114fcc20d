import type { Random } from '../../src/ports/random.js';
import { ReplicaSession } from '../../src/storage-node/replica-session.js';
import { StorageNode } from '../../src/storage-node/storage-node.js';
import { MemoryDisk, MemoryStorageEngine } from '../support/memory-storage-engine.js';
import type { VirtualClock } from '../support/virtual-clock.js';
import type { VirtualNetwork } from '../support/virtual-network.js';
import type { DiskWatch } from './disk-watch.js';
import { SimProcess } from './sim-process.js';

export const CLUSTER_SECRET = Buffer.from('the secret of a virtual cluster');

const FREE_BYTES_MIN = 1024 ** 2;

export interface SimNodeParts {
  readonly nodeId: string;
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly random: Random;
  readonly flushMs: () => number;
  readonly watch: DiskWatch;
  /** The node's engine failed, so its process ends, as the real one's does. */
  readonly onFailure: (failure: unknown) => void;
}

/** One storage node of the virtual world: a disk that lasts, and a process that may crash and start again. */
export class SimNode {
  readonly nodeId: string;
  readonly disk = new MemoryDisk();
  readonly host = 'virtual';
  port: number;
  /** Its wall clock's lead, over all its starts. */
  skewMs = 0;
  /** What a fault has done to its data folder. */
  folder: 'whole' | 'emptied' | 'damaged' = 'whole';
  readonly #parts: SimNodeParts;
  #process: SimProcess;
  #engine: MemoryStorageEngine | undefined;
  #node: StorageNode | undefined;

  constructor(parts: SimNodeParts, port: number) {
    this.#parts = parts;
    this.nodeId = parts.nodeId;
    this.port = port;
    parts.watch.watch(parts.nodeId, this.disk);
    this.#process = new SimProcess(parts.nodeId, parts.clock);
    this.#process.kill();
  }

  get process(): SimProcess {
    return this.#process;
  }

  /** What it serves; undefined while it is down. */
  get node(): StorageNode | undefined {
    return this.#process.alive ? this.#node : undefined;
  }

  async start(): Promise<void> {
    const { clock, network, random, flushMs, watch, onFailure, nodeId } = this.#parts;
    const process = new SimProcess(nodeId, clock);
    process.skewMs = this.skewMs;
    const engine = new MemoryStorageEngine(this.disk, process, flushMs);
    const disk = { freeBytes: async () => this.disk.freeBytes, freeBytesMin: FREE_BYTES_MIN };
    this.#process = process;
    this.#engine = engine;
    this.#node = undefined;
    const node = await StorageNode.open({ nodeId, engine, clock: process, random, disk, onFailure }).catch(
      (error: unknown) => {
        // A folder that is new needs room; whoever makes room starts the node again.
        if (this.disk.freeBytes > 0) throw error;
      },
    );
    if (this.#process !== process) return;
    if (node === undefined) return this.crash(0);
    this.#node = node;
    watch.opened(nodeId, node.records.greatestTimestampUs);
    network.listen(this, process, (connection) => {
      const session = new ReplicaSession({
        node,
        clusterSecret: CLUSTER_SECRET,
        clock: process,
        random,
        diskUsagePercent: async () => 1,
        onFailure,
        send: (frame) => connection.send(frame),
        isDrained: () => connection.isDrained,
        admit: () => true,
        end: () => connection.end(),
      });
      return {
        frame: (frame) => session.receive(frame),
        drained: () => session.drained(),
        end: () => session.close(),
      };
    });
  }

  /** Loses what was not flushed, except for the first few commits under way. */
  crash(flushes: number): void {
    this.#process.kill();
    this.#engine?.crash(flushes);
  }

  /** Starts on what another folder holds; returns what this one held. */
  swapFolder(entries: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
    this.crash(0);
    const held = new Map(this.disk.entries);
    this.disk.entries.clear();
    for (const [name, value] of entries) this.disk.entries.set(name, value);
    this.#parts.watch.watch(this.nodeId, this.disk, true);
    void this.start();
    return held;
  }

  jumpClock(skewMs: number): void {
    this.skewMs = skewMs;
    this.#process.skewMs = skewMs;
  }
}
