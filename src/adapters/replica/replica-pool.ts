import type { StorageNode, TopologySnapshot } from '../../domain/topology.js';
import { type Answer, type Failure, Failure_Reason } from '../../gen/storage/v1/storage_pb.js';
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
} from '../../ports/replica-stream.js';
import { decodeClock, decodeRecord } from '../../wire/record-format.js';
import { topologyOf } from '../../wire/topology-message.js';
import { BatchedStream } from './batched-stream.js';
import type { QueuedOperation } from './operation-queue.js';
import type { StreamParts } from './stream-link.js';

const NO_MEMBER = {
  usable: 'the storage node is no member',
  silentMs: undefined,
  lastSeenAt: 0,
  greatestTimestampUs: 0,
  p95Ms: 0,
} as const satisfies ReplicaState;
const OPERATION_BYTES = 64;

export interface ReplicaPoolParts extends Omit<StreamParts, 'topology' | 'onEpoch'> {
  /** Called when a node says that it has seen a greater epoch than the present snapshot's. */
  readonly onNewerEpoch: (nodeId: string, epoch: number) => void;
}

interface Member {
  readonly node: StorageNode;
  readonly stream: BatchedStream;
}

/** A stream to each storage node of the present topology. */
export class ReplicaPool implements ReplicaStreams {
  readonly #parts: ReplicaPoolParts;
  readonly #members = new Map<string, Member>();
  #snapshot: TopologySnapshot;

  constructor(parts: ReplicaPoolParts, snapshot: TopologySnapshot) {
    this.#parts = parts;
    this.#snapshot = snapshot;
  }

  /** Opens streams to new nodes and addresses, closes those of nodes that are gone, and tells the rest of the epoch. */
  update(snapshot: TopologySnapshot): void {
    this.#snapshot = snapshot;
    for (const [nodeId, { node, stream }] of this.#members) {
      const now = snapshot.nodes.get(nodeId);
      if (now !== undefined && sameEndpoint(now, node)) continue;
      stream.close();
      this.#members.delete(nodeId);
    }
    for (const [nodeId, node] of snapshot.nodes) {
      const member = this.#members.get(nodeId);
      if (member !== undefined) member.stream.announce();
      else {
        const onEpoch = (epoch: number) => this.#noteEpoch(nodeId, epoch);
        const stream = new BatchedStream({ ...this.#parts, topology: () => this.#snapshot, onEpoch }, node);
        this.#members.set(nodeId, { node, stream });
      }
    }
  }

  close(): void {
    for (const { stream } of this.#members.values()) stream.close();
    this.#members.clear();
  }

  state(nodeId: string): ReplicaState {
    return this.#members.get(nodeId)?.stream.state ?? NO_MEMBER;
  }

  refusal(nodeId: string): string | undefined {
    const member = this.#members.get(nodeId);
    return member === undefined ? NO_MEMBER.usable : member.stream.refusal;
  }

  ask(nodeId: string, epoch: number, deadlineMs: number): Promise<AskResult> {
    return this.#settled<AskResult>(
      nodeId,
      (stream, settle) => stream.ask(epoch, deadlineMs, settle),
      (answer) => {
        if (answer.case !== 'ask') return undefined;
        const { greatestTimestamp, acceptedUntil } = answer.value;
        return { kind: 'told', greatestTimestampUs: greatestTimestamp, acceptedUntilUs: acceptedUntil };
      },
    );
  }

  write(nodeId: string, operation: KeyOperation, record: EncodedRecord, deadlineMs: number): Promise<WriteResult> {
    const { epoch, replicationFactor, storageKey } = operation;
    const { bytes: encoded, followsUs: follows = 0 } = record;
    const value = { $typeName: 'storage.v1.Write' as const, storageKey, replicationFactor, record: encoded, follows };
    const bytes = OPERATION_BYTES + storageKey.length + record.bytes.length;
    return this.#operate<WriteResult>(
      nodeId,
      { epoch, kind: { case: 'write', value }, bytes, deadlineMs },
      (answer) => {
        if (answer.case !== 'write') return undefined;
        const clock = answer.value.clock.length === 0 ? record.clock : decodeClock(answer.value.clock);
        return clock === undefined ? undefined : { kind: answer.value.passed ? 'passed' : 'held', clock };
      },
    );
  }

  read(nodeId: string, operation: KeyOperation, headOnly: boolean, deadlineMs: number): Promise<ReadResult> {
    const { epoch, replicationFactor, storageKey } = operation;
    const value = { $typeName: 'storage.v1.Read' as const, storageKey, replicationFactor, headOnly };
    const bytes = OPERATION_BYTES + storageKey.length;
    return this.#operate<ReadResult>(nodeId, { epoch, kind: { case: 'read', value }, bytes, deadlineMs }, (answer) => {
      if (answer.case !== 'read') return undefined;
      if (answer.value.record.length === 0) return { kind: 'read', reading: { kind: 'absent' } };
      const reading = decodeRecord(answer.value.record);
      return reading.kind === 'corrupt' ? undefined : { kind: 'read', reading };
    });
  }

  describe(nodeId: string, deadlineMs: number): Promise<DescribeResult> {
    const kind = { case: 'describe', value: { $typeName: 'storage.v1.Describe' } } as const;
    const { epoch } = this.#snapshot;
    return this.#operate<DescribeResult>(nodeId, { epoch, kind, bytes: 0, deadlineMs }, (answer) => {
      if (answer.case !== 'describe') return undefined;
      const { keysCount, diskUsagePercent } = answer.value;
      return { kind: 'described', keysCount, diskUsagePercent };
    });
  }

  recall(nodeId: string, knownEpoch: number, deadlineMs: number): Promise<RecallResult> {
    const kind = { case: 'recall', value: { $typeName: 'storage.v1.Recall', knownEpoch } } as const;
    return this.#operate<RecallResult>(nodeId, { epoch: knownEpoch, kind, bytes: 0, deadlineMs }, (answer) => {
      const told = answer.case === 'recall' ? answer.value.topology : undefined;
      const topology = told === undefined ? undefined : topologyOf(told);
      return topology !== undefined && topology.epoch > knownEpoch ? { kind: 'recalled', topology } : undefined;
    });
  }

  #operate<Result>(
    nodeId: string,
    operation: Omit<QueuedOperation, 'settle'>,
    understand: (answer: Answer['kind']) => Result | undefined,
  ): Promise<Result | ReplicaFailure> {
    const enqueue = (stream: BatchedStream, settle: QueuedOperation['settle']) =>
      stream.enqueue({ ...operation, settle });
    return this.#settled(nodeId, enqueue, understand);
  }

  /** @param understand undefined for an answer that is no answer to this operation */
  #settled<Result>(
    nodeId: string,
    begin: (stream: BatchedStream, settle: QueuedOperation['settle']) => void,
    understand: (answer: Answer['kind']) => Result | undefined,
  ): Promise<Result | ReplicaFailure> {
    const member = this.#members.get(nodeId);
    if (member === undefined) return Promise.resolve({ kind: 'failed', reason: NO_MEMBER.usable, sent: false });
    return new Promise((resolve) => {
      begin(member.stream, (outcome) => {
        if ('kind' in outcome) return resolve(outcome);
        resolve(understand(outcome) ?? this.#failureOf(nodeId, outcome));
      });
    });
  }

  #noteEpoch(nodeId: string, epoch: number): void {
    if (epoch > this.#snapshot.epoch) this.#parts.onNewerEpoch(nodeId, epoch);
  }

  #failureOf(nodeId: string, answer: Answer['kind']): ReplicaFailure {
    switch (answer.case) {
      case 'fenced': {
        const { epoch } = answer.value;
        this.#noteEpoch(nodeId, epoch);
        return { kind: 'fenced', epoch };
      }
      case 'failure':
        return failureOf(answer.value);
      default:
        return { kind: 'failed', reason: 'its answer makes no sense', sent: true };
    }
  }
}

/** Reasons that say for certain that the node did not take the operation; any other leaves it open. */
const REFUSALS: Readonly<Partial<Record<Failure_Reason, RefusalReason>>> = {
  [Failure_Reason.FUTURE_DOT]: 'future_dot',
  [Failure_Reason.MALFORMED]: 'malformed',
  [Failure_Reason.NOT_OWNER]: 'not_owner',
  [Failure_Reason.CORRUPT]: 'corrupt',
  [Failure_Reason.DISK_FULL]: 'disk_full',
  [Failure_Reason.OVERLOADED]: 'overloaded',
  [Failure_Reason.MEMBER]: 'member',
};

function failureOf({ reason, message }: Failure): ReplicaFailure {
  const refusal = REFUSALS[reason];
  if (refusal === undefined) return { kind: 'failed', reason: message, sent: true };
  return { kind: 'refused', reason: refusal, message };
}

function sameEndpoint(a: StorageNode, b: StorageNode): boolean {
  return a.host === b.host && a.port === b.port && a.storeId === b.storeId;
}
