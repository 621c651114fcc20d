import { isFarAhead } from '../domain/hybrid-clock.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { ReplicaStreams } from '../ports/replica-stream.js';
import type { TopologyWatch } from './topology-watch.js';

export interface AheadWatchParts {
  readonly topology: TopologyWatch;
  readonly replicas: ReplicaStreams;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Tells which storage nodes hold something that was written by a clock far ahead. Nothing fails for it, but the keys that were
 * written so stay ahead until their time comes, and the operator's clocks want looking after.
 */
export class AheadWatch {
  readonly #parts: AheadWatchParts;
  readonly #told = new Set<string>();

  constructor(parts: AheadWatchParts) {
    this.#parts = parts;
  }

  /** How far the node's greatest timestamp lies ahead of this coordinator's clock, seconds; 0 where clocks may differ so. */
  aheadSeconds(nodeId: string): number {
    const { replicas, clock } = this.#parts;
    const { greatestTimestampUs } = replicas.state(nodeId);
    const nowUs = clock.wallMs() * 1000;
    return isFarAhead(greatestTimestampUs, nowUs) ? Math.round((greatestTimestampUs - nowUs) / 1e6) : 0;
  }

  /** For operators; undefined where nothing is ahead. */
  get note(): string | undefined {
    const ahead = this.#ahead().map(([nodeId, seconds]) => `"${nodeId}" ${seconds} s`);
    if (ahead.length === 0) return undefined;
    return `storage nodes hold writes of a clock that was ahead: ${ahead.join(', ')}; check the clocks of all machines`;
  }

  /** Logs each node once when it gets ahead, and once when its time has come. */
  check(): void {
    const { log } = this.#parts;
    const ahead = new Map(this.#ahead());
    for (const [nodeId, aheadSeconds] of ahead) {
      if (this.#told.has(nodeId)) continue;
      log.warn({ nodeId, aheadSeconds }, 'the storage node holds a write of a clock that was ahead: check the clocks');
    }
    for (const nodeId of this.#told) {
      if (!ahead.has(nodeId))
        log.info({ nodeId }, 'nothing that the storage node holds is ahead of the clock any more');
    }
    this.#told.clear();
    for (const nodeId of ahead.keys()) this.#told.add(nodeId);
  }

  #ahead(): [nodeId: string, seconds: number][] {
    return [...this.#parts.topology.snapshot.nodes.keys()]
      .map((nodeId): [string, number] => [nodeId, this.aheadSeconds(nodeId)])
      .filter(([, seconds]) => seconds > 0);
  }
}
