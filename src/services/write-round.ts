import type { Level } from '../domain/level.js';
import { WriteTally } from '../domain/write-tally.js';
import { type Clock, sleep } from '../ports/clock.js';
import type { EncodedRecord, ReplicaStreams } from '../ports/replica-stream.js';
import { fanOut } from './fan-out.js';
import { followedWrite } from './followed-write.js';
import type { ReplicaPlan } from './replica-plan.js';
import { ReplicaShortfall } from './replica-shortfall.js';

/** How long a write that can't reach its level waits for the other replicas: their answers may tell that nobody took it. */
const OUTCOME_WAIT_MS = 100;

/** Sends one record to every replica of one plan, and keeps what they answer. */
export class WriteRound {
  readonly #replicas: ReplicaStreams;
  readonly #clock: Clock;
  readonly #plan: ReplicaPlan;
  readonly tally: WriteTally;
  readonly shortfall: ReplicaShortfall;
  #unanswered: number;
  #onLastAnswer: (() => void) | undefined;

  constructor(
    { replicas, clock }: { readonly replicas: ReplicaStreams; readonly clock: Clock },
    plan: ReplicaPlan,
    level: Level,
    record: EncodedRecord,
  ) {
    this.#replicas = replicas;
    this.#clock = clock;
    this.#plan = plan;
    this.tally = new WriteTally(plan.placement.sets, level, record.clock);
    this.shortfall = new ReplicaShortfall(plan.placement.epoch);
    this.#unanswered = plan.nodeIds.length;
  }

  /** Ends when the level holds the record or has passed it; when it can't, a little later, for a truer account of it. */
  async run(record: EncodedRecord, deadlineMs: number): Promise<void> {
    const { nodeIds, operation } = this.#plan;
    await fanOut(
      nodeIds,
      followedWrite(nodeIds.length, record, (nodeId, sent) =>
        this.#replicas.write(nodeId, operation, sent, deadlineMs),
      ),
      (nodeId, result) => {
        if ('clock' in result) this.tally.acknowledge(nodeId, result.kind, result.clock);
        else {
          this.tally.fail(nodeId);
          this.shortfall.add(nodeId, result);
        }
        if (--this.#unanswered === 0) this.#onLastAnswer?.();
        return this.tally.outcome === 'pending' ? undefined : true;
      },
    );
    // A write that was fenced is planned anew at once.
    if (this.tally.outcome === 'unreachable' && this.shortfall.fencedEpoch === undefined) {
      await this.#lastAnswer(deadlineMs);
    }
  }

  /** Whether some replica may have a copy. */
  get mayHaveReached(): boolean {
    return this.shortfall.mayHaveReached(this.#plan.nodeIds);
  }

  async #lastAnswer(deadlineMs: number): Promise<void> {
    if (this.#unanswered === 0) return;
    const over = new AbortController();
    this.#onLastAnswer = () => over.abort();
    await sleep(this.#clock, Math.min(OUTCOME_WAIT_MS, deadlineMs - this.#clock.monotonicMs()), over.signal);
  }
}
