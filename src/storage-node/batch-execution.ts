import {
  type Answer,
  type Batch,
  Failure_Reason,
  type Operation,
  type Read,
  type Recall,
  type Write,
} from '../gen/storage/v1/storage_pb.js';
import { encodeClock, encodeHead } from '../wire/record-format.js';
import { decodeStorageKey, type StorageKey } from '../wire/storage-key.js';
import type { MergeResult, ReadingResult } from './record-store.js';
import type { StorageNode } from './storage-node.js';

type AnswerKind = Answer['kind'];

export interface BatchHost {
  readonly node: StorageNode;
  /** 0 to 100, of the file system that holds the data folder. */
  readonly diskUsagePercent: () => Promise<number>;
  /** Called once for each operation, in any order; never before what the answer rests on is flushed. */
  readonly answer: (answer: Answer) => void;
  readonly onFailure: (failure: unknown) => void;
}

/** Runs a batch's operations in order. */
export function executeBatch(host: BatchHost, { epoch, operations }: Batch): void {
  for (const operation of operations) executeOperation(host, epoch, operation);
}

/** Runs the operation; it is answered when its result is flushed. */
export function executeOperation(host: BatchHost, epoch: number, operation: Operation): void {
  const { node } = host;
  const served = node.serves(epoch) || ofAnyEpoch(operation);
  const settled = served ? run(host, operation, epoch) : fenced(node);
  const { id, kind } = operation;
  if (settled instanceof Promise || node.fenceFlushed !== undefined) {
    const bytes = kind.case === 'write' ? kind.value.record.length : 0;
    void answerLater(host, id, settled, node.load.holdUnflushed(bytes));
  } else host.answer(answerOf(id, settled));
}

/** What a coordinator that missed an epoch may ask all the same. */
function ofAnyEpoch({ kind }: Operation): boolean {
  return kind.case === 'describe' || kind.case === 'recall';
}

/** What waits for a flush counts to the node's load, also once its stream has ended. */
async function answerLater(
  host: BatchHost,
  id: number,
  settled: AnswerKind | Promise<AnswerKind>,
  release: () => void,
): Promise<void> {
  try {
    const kind = await settled;
    await host.node.fenceFlushed;
    host.answer(answerOf(id, kind));
  } catch (error) {
    host.onFailure(error);
    host.answer(answerOf(id, failure(Failure_Reason.STORAGE, 'the storage engine failed')));
  } finally {
    release();
  }
}

/** Messages on this path are written out: making them by their schema costs more than the operation. */
function answerOf(id: number, kind: AnswerKind): Answer {
  return { $typeName: 'storage.v1.Answer', id, kind };
}

function run(host: BatchHost, { kind }: Operation, epoch: number): AnswerKind | Promise<AnswerKind> {
  const { node } = host;
  switch (kind.case) {
    case 'ask':
      return ask(node);
    case 'write':
      return write(node, kind.value);
    case 'read':
      return read(node, kind.value);
    case 'describe':
      return describe(host);
    case 'join':
      return join(node, epoch);
    case 'recall':
      return recall(node, kind.value);
    default:
      return failure(Failure_Reason.MALFORMED, 'the operation has no kind that this release knows');
  }
}

function fenced(node: StorageNode): AnswerKind {
  return { case: 'fenced', value: { $typeName: 'storage.v1.Fenced', epoch: node.fence } };
}

function ask({ records }: StorageNode): AnswerKind {
  const { greatestTimestampUs: greatestTimestamp, acceptedUntilUs: acceptedUntil } = records;
  return { case: 'ask', value: { $typeName: 'storage.v1.AskAnswer', greatestTimestamp, acceptedUntil } };
}

function write(
  node: StorageNode,
  { storageKey, replicationFactor, record, follows }: Write,
): AnswerKind | Promise<AnswerKind> {
  const key = ownedKey(node, storageKey, replicationFactor);
  if ('case' in key) return key;
  if (!node.load.admitsUnflushed(record.length)) return overloaded();
  const merged = node.records.merge(key.tenantNumber, storageKey, record, follows);
  return merged instanceof Promise ? merged.then(written) : written(merged);
}

function written(result: MergeResult): AnswerKind {
  if (result.kind === 'refused') {
    const { reason, message } = result;
    switch (reason) {
      case 'corrupt':
        return failure(Failure_Reason.CORRUPT, message);
      case 'future_dot':
        return failure(Failure_Reason.FUTURE_DOT, message);
      case 'malformed':
        return failure(Failure_Reason.MALFORMED, message);
      case 'disk_full':
        return failure(Failure_Reason.DISK_FULL, message);
    }
  }
  const clock = result.asSent ? new Uint8Array(0) : encodeClock(result.clock);
  return { case: 'write', value: { $typeName: 'storage.v1.WriteAnswer', passed: result.kind === 'passed', clock } };
}

function read(node: StorageNode, { storageKey, replicationFactor, headOnly }: Read): AnswerKind | Promise<AnswerKind> {
  const key = ownedKey(node, storageKey, replicationFactor);
  if ('case' in key) return key;
  const reading = node.records.read(storageKey);
  if (!(reading instanceof Promise)) return told(reading, headOnly);
  const later = reading.then((result) => told(result, headOnly));
  if (node.load.admitsUnflushed(0)) return later;
  later.catch(() => {});
  return overloaded();
}

function told(result: ReadingResult, headOnly: boolean): AnswerKind {
  if (result.kind === 'corrupt') return failure(Failure_Reason.CORRUPT, result.message);
  const $typeName = 'storage.v1.ReadAnswer' as const;
  if (result.kind !== 'record') return { case: 'read', value: { $typeName, record: new Uint8Array(0), head: false } };
  const record = headOnly ? encodeHead(result.record) : result.bytes;
  return { case: 'read', value: { $typeName, record, head: headOnly } };
}

async function describe({ node, diskUsagePercent }: BatchHost): Promise<AnswerKind> {
  const diskUsage = await diskUsagePercent();
  const { keysCount, greatestTimestampUs: greatestTimestamp } = node.records;
  const figures = { keysCount, diskUsagePercent: diskUsage, greatestTimestamp, epoch: node.fence };
  return { case: 'describe', value: { $typeName: 'storage.v1.DescribeAnswer', ...figures } };
}

/**
 * The node may become a member while it erases, and acknowledge writes: each piece of the erasure is added in a turn in
 * which the node is at the batch's epoch and no member.
 */
async function join(node: StorageNode, epoch: number): Promise<AnswerKind> {
  switch (await node.records.eraseAll(() => node.serves(epoch) && !node.mayBeMember)) {
    case 'erased':
      return { case: 'join', value: { $typeName: 'storage.v1.JoinAnswer' } };
    case 'disk_full':
      return failure(Failure_Reason.DISK_FULL, 'disk full, not erased');
    case 'stopped':
      if (!node.serves(epoch)) return fenced(node);
      return failure(Failure_Reason.MEMBER, 'the node is a member and keeps its records');
  }
}

function recall(node: StorageNode, { knownEpoch }: Recall): AnswerKind {
  const topology = node.recall(knownEpoch);
  const $typeName = 'storage.v1.RecallAnswer' as const;
  return { case: 'recall', value: topology === undefined ? { $typeName } : { $typeName, topology } };
}

function ownedKey(
  node: StorageNode,
  storageKey: Uint8Array,
  replicationFactor: number,
): StorageKey | (AnswerKind & { case: 'failure' }) {
  const key = decodeStorageKey(storageKey);
  if (key === undefined) return failure(Failure_Reason.MALFORMED, 'the storage key is malformed');
  if (!node.owns(key, replicationFactor)) {
    return failure(Failure_Reason.NOT_OWNER, `the node is no replica of the key at epoch ${node.fence}`);
  }
  return key;
}

function overloaded(): AnswerKind {
  return failure(Failure_Reason.OVERLOADED, 'the storage node is overloaded: too much waits for its disk');
}

function failure(reason: Failure_Reason, message: string) {
  return { case: 'failure' as const, value: { $typeName: 'storage.v1.Failure' as const, reason, message } };
}
