import { DEAD_AFTER_MS, HEARTBEAT_MS } from '../../domain/node-health.js';
import type { Clock } from '../../ports/clock.js';

/** A heartbeat that is late by this much tells that this process itself stood still, and read nothing meanwhile. */
const STOOD_STILL_MS = HEARTBEAT_MS;

export type Verdict =
  /** It answered a moment ago. */
  | 'heard'
  /** It has to be asked for a sign of life. */
  | 'quiet'
  /** It was asked, and there was time to hear it. */
  | 'dead';

/** How long the other end of a stream has been silent, while this end listened. */
export class PeerSilence {
  readonly #clock: Clock;
  #answeredAtMs: number | undefined;
  #answeredAtWallMs = 0;
  #listeningSinceMs = 0;
  #nextBeatAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined when it never answered. */
  get silentMs(): number | undefined {
    return this.#answeredAtMs === undefined ? undefined : this.#clock.monotonicMs() - this.#answeredAtMs;
  }

  /** Unix seconds; 0 when it never answered. */
  get lastSeenAt(): number {
    return Math.floor(this.#answeredAtWallMs / 1000);
  }

  heard(nowMs: number): void {
    this.#answeredAtMs = nowMs;
    this.#answeredAtWallMs = this.#clock.wallMs();
  }

  /** To be asked at every heartbeat. What waits unread after a stop counts for the peer: the silence begins anew. */
  judge(): Verdict {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#nextBeatAtMs + STOOD_STILL_MS) this.#listeningSinceMs = nowMs;
    this.#nextBeatAtMs = nowMs + HEARTBEAT_MS;
    const answeredAtMs = this.#answeredAtMs ?? 0;
    if (nowMs - Math.max(answeredAtMs, this.#listeningSinceMs) >= DEAD_AFTER_MS) return 'dead';
    return nowMs - answeredAtMs >= HEARTBEAT_MS / 2 ? 'quiet' : 'heard';
  }
}
