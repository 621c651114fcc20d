import { compareDots } from '../../src/domain/clock.js';
import { acceptedUntilUs, FOLLOWED_DOT_MAX_MS } from '../../src/domain/hybrid-clock.js';
import { LatencyWindow } from '../../src/domain/latency-window.js';
import { mergeRecords, type VersionedRecord } from '../../src/domain/record.js';
import type { NodesAtEpoch } from '../../src/domain/topology.js';
import type { Clock } from '../../src/ports/clock.js';
import type {
  AskResult,
  DescribeResult,
  EncodedRecord,
  KeyOperation,
  ReadResult,
  RecallResult,
  RefusalReason,
  ReplicaFailure,
  ReplicaState,
  ReplicaStreams,
  WriteResult,
} from '../../src/ports/replica-stream.js';
import { decodeRecord } from '../../src/wire/record-format.js';

/** A replica whose conduct a test sets; its records merge as the real ones do. */
export interface ScriptedReplica {
  /**
   * `silent`: takes operations and never answers. `deaf`: takes none and never answers. `down`: fails at once. `untold`:
   * refuses what is planned under its fence as well.
   */
  conduct: 'up' | 'down' | 'silent' | 'deaf' | 'untold';
  /** From an operation's sending to its effect, and from there to its answer. */
  delayMs: number;
  /** Draws both delays of an operation instead; `p95Ms` then follows what was drawn. */
  draw?: () => number;
  /** Down, but nobody knows: operations are taken and fail. */
  isConnecting?: boolean;
  fence: number;
  /** What it tells those that missed an epoch. */
  topology: NodesAtEpoch | undefined;
  greatestTimestampUs: number;
  /** Its wall clock's lead. */
  skewMs: number;
  p95Ms: number;
  /** It answers every operation with this refusal. */
  refusal?: RefusalReason;
  readonly records: Map<string, VersionedRecord>;
  /** What it was sent, in order. */
  readonly seen: string[];
}

/** Stands for the storage nodes behind their streams. */
export class ScriptedReplicas implements ReplicaStreams {
  readonly #clock: Clock;
  readonly #latencies = new Map<string, LatencyWindow>();
  readonly nodes = new Map<string, ScriptedReplica>();
  /** What a pool tells of refusals, as a coordinator is put together. */
  onFenced: (nodeId: string, epoch: number) => void = () => {};

  constructor(clock: Clock, nodeIds: readonly string[]) {
    this.#clock = clock;
    for (const nodeId of nodeIds) {
      this.nodes.set(nodeId, {
        conduct: 'up',
        delayMs: 0.5,
        fence: 0,
        topology: undefined,
        greatestTimestampUs: 0,
        skewMs: 0,
        p95Ms: 5,
        records: new Map(),
        seen: [],
      });
    }
  }

  node(nodeId: string): ScriptedReplica {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`no replica ${nodeId}`);
    return node;
  }

  ask(nodeId: string, epoch: number, deadlineMs: number): Promise<AskResult> {
    return this.#operate(nodeId, 'ask', epoch, deadlineMs, (node) => ({
      kind: 'told',
      greatestTimestampUs: node.greatestTimestampUs,
      acceptedUntilUs: this.#acceptedUntilUs(node),
    }));
  }

  write(nodeId: string, operation: KeyOperation, record: EncodedRecord, deadlineMs: number): Promise<WriteResult> {
    const decoded = decodeRecord(Uint8Array.from(record.bytes));
    if (decoded.kind !== 'record') throw new Error('a coordinator sent something that is no record');
    return this.#operate<WriteResult>(nodeId, 'write', operation.epoch, deadlineMs, (node) => {
      const { timestamp } = decoded.record.version.dot;
      const followedUs = (record.followsUs ?? 0) + FOLLOWED_DOT_MAX_MS * 1000;
      if (timestamp > Math.max(this.#acceptedUntilUs(node), followedUs)) {
        return { kind: 'refused', reason: 'future_dot', message: 'the timestamp lies too far ahead' };
      }
      const name = Buffer.from(operation.storageKey).toString('hex');
      const stored = node.records.get(name);
      const merged = stored === undefined ? decoded.record : mergeRecords(stored, decoded.record);
      node.records.set(name, merged);
      node.greatestTimestampUs = Math.max(node.greatestTimestampUs, decoded.record.version.dot.timestamp);
      const passed = compareDots(merged.version.dot, decoded.record.version.dot) > 0;
      return { kind: passed ? 'passed' : 'held', clock: merged.clock };
    });
  }

  read(nodeId: string, operation: KeyOperation, headOnly: boolean, deadlineMs: number): Promise<ReadResult> {
    return this.#operate(nodeId, headOnly ? 'head' : 'read', operation.epoch, deadlineMs, (node) => {
      const record = node.records.get(Buffer.from(operation.storageKey).toString('hex'));
      if (record === undefined) return { kind: 'read', reading: { kind: 'absent' } };
      if (headOnly) return { kind: 'read', reading: { kind: 'head', clock: record.clock } };
      return { kind: 'read', reading: { kind: 'record', record } };
    });
  }

  describe(nodeId: string, deadlineMs: number): Promise<DescribeResult> {
    return this.#operate(nodeId, 'describe', Number.POSITIVE_INFINITY, deadlineMs, (node) => ({
      kind: 'described',
      keysCount: node.records.size,
      diskUsagePercent: 12.5,
    }));
  }

  refusal(nodeId: string): string | undefined {
    const { conduct, isConnecting } = this.node(nodeId);
    return conduct === 'down' && isConnecting !== true ? 'connection refused' : undefined;
  }

  async recall(nodeId: string, knownEpoch: number, deadlineMs: number): Promise<RecallResult> {
    const answered = await this.#operate(nodeId, 'recall', Number.POSITIVE_INFINITY, deadlineMs, ({ topology }) => {
      return { kind: 'answered' as const, topology };
    });
    if (answered.kind !== 'answered') return answered;
    const { topology } = answered;
    if (topology !== undefined && topology.epoch > knownEpoch) return { kind: 'recalled', topology };
    return { kind: 'failed', reason: 'its answer makes no sense', sent: true };
  }

  state(nodeId: string): ReplicaState {
    const { conduct, draw, greatestTimestampUs, ...node } = this.node(nodeId);
    const p95Ms = draw === undefined ? node.p95Ms : this.#latency(nodeId).p95Ms;
    const known = { greatestTimestampUs, p95Ms };
    if (conduct === 'down') return { usable: 'connection refused', silentMs: undefined, lastSeenAt: 0, ...known };
    return { usable: true, silentMs: 0, lastSeenAt: 1, ...known };
  }

  #acceptedUntilUs({ skewMs, greatestTimestampUs }: ScriptedReplica): number {
    return acceptedUntilUs(this.#clock.wallMs() + skewMs, greatestTimestampUs);
  }

  #latency(nodeId: string): LatencyWindow {
    const known = this.#latencies.get(nodeId) ?? new LatencyWindow(20);
    this.#latencies.set(nodeId, known);
    return known;
  }

  #operate<Result>(
    nodeId: string,
    what: string,
    epoch: number,
    deadlineMs: number,
    effect: (node: ScriptedReplica) => Result,
  ): Promise<Result | ReplicaFailure> {
    const node = this.node(nodeId);
    const delayMs = node.draw?.() ?? node.delayMs;
    const latency = node.draw === undefined ? undefined : this.#latency(nodeId);
    return new Promise((resolve) => {
      node.seen.push(what);
      if (node.conduct === 'down') return resolve({ kind: 'failed', reason: 'connection refused', sent: false });
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      const timer = this.#clock.after(leftMs, () => {
        latency?.addTimeout(leftMs);
        resolve({ kind: 'failed', reason: 'timed out', sent: true });
      });
      if (node.conduct === 'deaf') return;
      this.#clock.after(delayMs, () => {
        if (epoch < node.fence || (node.conduct === 'untold' && Number.isFinite(epoch))) {
          this.onFenced(nodeId, node.fence);
          return resolve({ kind: 'fenced', epoch: node.fence });
        }
        const { refusal } = node;
        if (refusal !== undefined) return resolve({ kind: 'refused', reason: refusal, message: `it said ${refusal}` });
        const result = effect(node);
        if (node.conduct === 'silent') return;
        this.#clock.after(delayMs, () => {
          timer.cancel();
          latency?.add(2 * delayMs);
          resolve(result);
        });
      });
    });
  }
}
