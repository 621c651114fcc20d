import type { Clock } from '../domain/clock.js';
import type { Reading } from '../domain/read-tally.js';
import type { NodesAtEpoch } from '../domain/topology.js';

/** An operation on one key: where it is stored, and the placement's facts that the node checks. */
export interface KeyOperation {
  readonly epoch: number;
  readonly replicationFactor: number;
  /** Tenant number, token and key: see `wire/storage-key.ts`. */
  readonly storageKey: Uint8Array;
}

/** A record in its storage format, encoded once for all its replicas, and its clock. */
export interface EncodedRecord {
  readonly bytes: Uint8Array;
  readonly clock: Clock;
  /**
   * The greatest timestamp of a version of the key that some replica is known to hold: a dot that follows it is taken
   * however far ahead it lies.
   */
  readonly followsUs?: number;
}

/** Why a replica gave no answer that counts. */
export type ReplicaFailure =
  /** @property sent whether the node may have taken the operation */
  | { readonly kind: 'failed'; readonly reason: string; readonly sent: boolean }
  /** The node has another epoch: plan the operation anew. The node did not take it. */
  | { readonly kind: 'fenced'; readonly epoch: number }
  /** The node answered that it won't: it did not take the operation, under whatever epoch. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly message: string };

export type RefusalReason =
  | 'future_dot'
  | 'malformed'
  | 'not_owner'
  | 'corrupt'
  | 'disk_full'
  | 'overloaded'
  /** It keeps its records since it is a member. */
  | 'member';

/** What a storage node tells before a write. */
export interface Told {
  readonly kind: 'told';
  /** The greatest that it ever stored, of any key; 0 for none. */
  readonly greatestTimestampUs: number;
  /** The greatest that it takes now. */
  readonly acceptedUntilUs: number;
}

export type AskResult = Told | ReplicaFailure;

/** Held: the record's dot is the node's version. Passed: its version is greater. Both flushed, with the merged clock. */
export type WriteResult = { readonly kind: 'held' | 'passed'; readonly clock: Clock } | ReplicaFailure;

export type ReadResult = { readonly kind: 'read'; readonly reading: Reading } | ReplicaFailure;

export interface NodeFigures {
  readonly keysCount: number;
  readonly diskUsagePercent: number;
}

export type RecallResult = { readonly kind: 'recalled'; readonly topology: NodesAtEpoch } | ReplicaFailure;

export type DescribeResult = ({ readonly kind: 'described' } & NodeFigures) | ReplicaFailure;

/**
 * The storage nodes of the present topology, by id. Every operation ends by its deadline at the latest, and at once
 * when the node's stream breaks or its queue is full; no call rejects.
 */
export interface ReplicaStreams {
  /** The greatest timestamp that the node ever stored; asks of one turn travel as one. */
  ask(nodeId: string, epoch: number, deadlineMs: number): Promise<AskResult>;
  /** Merges the record into what the node holds. */
  write(nodeId: string, operation: KeyOperation, record: EncodedRecord, deadlineMs: number): Promise<WriteResult>;
  /** @param headOnly leave the value out */
  read(nodeId: string, operation: KeyOperation, headOnly: boolean, deadlineMs: number): Promise<ReadResult>;
  describe(nodeId: string, deadlineMs: number): Promise<DescribeResult>;
  /** The topology that the node stored with its fence: fails unless that is newer than the known epoch. */
  recall(nodeId: string, knownEpoch: number, deadlineMs: number): Promise<RecallResult>;
  /** What is known of the node without asking it. */
  state(nodeId: string): ReplicaState;
  /** Why an operation would fail at once, without being sent; undefined when it would be taken. */
  refusal(nodeId: string): string | undefined;
}

/** Deadlines above are points of the monotonic clock. */
export interface ReplicaState {
  /** Whether the node is connected; else why not, for people. An operation may wait for a first connection. */
  readonly usable: true | string;
  /** Milliseconds since the node's last answer; undefined when it never answered. */
  readonly silentMs: number | undefined;
  /** Unix seconds of the node's last answer; 0 when it never answered. */
  readonly lastSeenAt: number;
  /** The greatest timestamp that the node last said to have stored, microseconds; 0 when it said none. */
  readonly greatestTimestampUs: number;
  /** Recent 95th percentile of answers, and of what nobody waited for any longer. */
  readonly p95Ms: number;
}
