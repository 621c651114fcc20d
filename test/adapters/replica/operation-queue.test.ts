import { beforeEach, describe, expect, it } from 'vitest';
import { OperationQueue, type QueuedOperation } from '../../../src/adapters/replica/operation-queue.js';
import { type Answer, type Batch, Failure_Reason, type Operation } from '../../../src/gen/storage/v1/storage_pb.js';
import type { ReplicaFailure } from '../../../src/ports/replica-stream.js';

const MIB = 1024 * 1024;
const KEY = { storageKey: new Uint8Array(20), replicationFactor: 1 };

describe('the operations of one stream', () => {
  let queue: OperationQueue;
  let settled: Map<QueuedOperation, Answer['kind'] | ReplicaFailure>;

  beforeEach(() => {
    queue = new OperationQueue();
    settled = new Map();
  });

  const operation = (kind: Operation['kind'], bytes: number, { epoch = 1, deadlineMs = 2000 } = {}) => {
    const made: QueuedOperation = {
      epoch,
      kind,
      bytes,
      deadlineMs,
      settle(outcome) {
        if (settled.has(made)) throw new Error('settled twice');
        settled.set(made, outcome);
      },
    };
    return made;
  };
  const read = (headOnly: boolean): Operation['kind'] => ({
    case: 'read',
    value: { $typeName: 'storage.v1.Read', ...KEY, headOnly },
  });
  const write = (bytes = 100, about = {}) =>
    operation(
      { case: 'write', value: { follows: 0, $typeName: 'storage.v1.Write', ...KEY, record: KEY.storageKey } },
      bytes,
      about,
    );
  const heartbeat = () => operation({ case: 'describe', value: { $typeName: 'storage.v1.Describe' } }, 0);
  const value = (id: number, bytes: number): Answer => ({
    $typeName: 'storage.v1.Answer',
    id,
    kind: { case: 'read', value: { $typeName: 'storage.v1.ReadAnswer', record: new Uint8Array(bytes), head: false } },
  });
  const overloaded = (id: number): Answer => ({
    $typeName: 'storage.v1.Answer',
    id,
    kind: {
      case: 'failure',
      value: { $typeName: 'storage.v1.Failure', reason: Failure_Reason.OVERLOADED, message: 'busy' },
    },
  });
  const idsOf = (batch: Batch | undefined) => (batch?.operations ?? []).map(({ id }) => id);
  const kindsOf = (batch: Batch | undefined) => (batch?.operations ?? []).map(({ kind }) => kind.case);
  const takeAll = (nowMs = 0) => {
    const ids: number[] = [];
    for (let batch = queue.takeBatch(nowMs); batch !== undefined; batch = queue.takeBatch(nowMs))
      ids.push(...idsOf(batch));
    return ids;
  };
  const pushMany = (count: number, make: () => QueuedOperation) =>
    Array.from({ length: count }, make).filter((made) => queue.push(made, 0)).length;

  it('leave in order, one epoch in each batch, with heads, asks and heartbeats before values', () => {
    const [first, second, third] = [write(), write(), write(100, { epoch: 2 })];
    for (const one of [first, second, third, operation(read(true), 50), heartbeat()]) queue.push(one, 0);
    expect(kindsOf(queue.takeBatch(0))).toEqual(['read', 'describe', 'write', 'write']);
    expect(queue.takeBatch(0)).toMatchObject({ epoch: 2, operations: [{ kind: { case: 'write' } }] });
    expect(queue.takeBatch(0)).toBeUndefined();
  });

  it('are taken back while they wait, and no longer once they were sent', () => {
    const [sent, waiting] = [write(), write(30 * MIB)];
    queue.push(sent, 0);
    takeAll();
    expect(queue.takeBack(sent)).toBe(false);
    queue.push(waiting, 0);
    expect(queue.takeBack(waiting)).toBe(true);
    expect(settled).toEqual(new Map([[waiting, { kind: 'failed', reason: expect.any(String), sent: false }]]));
    expect(queue.takeBack(waiting)).toBe(false);
    expect(queue.takeBatch(0)).toBeUndefined();
    // What it occupied is free again.
    expect(pushMany(10, () => write(30 * MIB))).toBe(2);
  });

  it('are bounded in bytes while they wait, which leaves heartbeats and heads alone', () => {
    expect(pushMany(100, () => write(MIB))).toBe(64);
    expect(pushMany(10, heartbeat)).toBe(10);
    expect(queue.push(operation(read(true), 50), 0)).toBe(true);
    expect(settled.size).toBe(0);
  });

  it('are bounded in number, whether they wait, are unanswered, or have timed out but may still be at the node', () => {
    expect(pushMany(10_000, () => write(10))).toBe(8192);
    const ids = takeAll();
    expect(ids.length).toBe(8192);
    queue.expire(2000, () => {});
    expect(settled.size).toBe(8192);
    expect(queue.push(write(10), 2000)).toBe(false);
    expect(pushMany(10, heartbeat)).toBe(10);
    for (const id of ids.slice(0, 100)) queue.answer(overloaded(id), 2000);
    expect(pushMany(200, () => write(10))).toBe(100);
  });

  it('are given up for lost half a minute after they were sent', () => {
    queue.push(write(3 * MIB), 0);
    expect(takeAll().length).toBe(1);
    expect(queue.unansweredBytes).toBe(3 * MIB);
    expect(queue.expire(2000, () => {})).toBe(30_000);
    expect(queue.unansweredBytes).toBe(3 * MIB);
    expect(queue.expire(30_000, () => {})).toBeUndefined();
    expect(queue.unansweredBytes).toBe(0);
  });

  it('wait while as many bytes are unanswered as answers tell that link and node work off', () => {
    pushMany(60, () => write(MIB, { deadlineMs: 60_000 }));
    const first = takeAll();
    expect(first.length).toBe(4);
    // Slower than the target by a half: the window shrinks to two thirds.
    for (const id of first) queue.answer(value(id, 0), 375);
    const second = takeAll(375);
    expect(second.length).toBe(2);
    // Faster by far: it grows again, by no more than the double at once.
    for (const id of second) queue.answer(value(id, 0), 385);
    const third = takeAll(385);
    expect(third.length).toBe(5);
    // A node with too much to do gets half of it.
    for (const id of third) queue.answer(overloaded(id), 395);
    expect(takeAll(395).length).toBe(2);
  });

  it('count a read with the answer that it will bring, as large as the last ones were', () => {
    const many = () => pushMany(500, () => operation(read(false), 100, { deadlineMs: 60_000 }));
    many();
    const first = takeAll();
    expect(first.length).toBe(63);
    for (const id of first) queue.answer(value(id, MIB), 250);
    const second = takeAll(250);
    expect(second.length).toBe(3);
    for (const id of second) queue.answer(value(id, MIB), 500);
    // Small ones again: the expectation follows, step by step.
    for (let round = 0; round < 30; round++) for (const id of takeAll(500)) queue.answer(value(id, 10), 750);
    many();
    expect(takeAll(750).length).toBeGreaterThan(400);
  });

  it('end when their deadline leaves no time for an answer, unless they are sent as soon as they come', () => {
    const patient = write(10, { deadlineMs: 60_000 });
    queue.push(write(5 * MIB, { deadlineMs: 60_000 }), 0);
    expect(takeAll().length).toBe(1);
    const [late, early] = [write(MIB, { deadlineMs: 1000 }), write(MIB, { deadlineMs: 1500 })];
    for (const one of [late, early, patient]) queue.push(one, 0);
    expect(takeAll(600)).toEqual([]);
    expect([...settled]).toEqual([
      [late, { kind: 'failed', reason: expect.stringContaining('too late'), sent: false }],
    ]);
    const fresh = write(10, { deadlineMs: 610 });
    expect(queue.answer(value(1, 0), 600)).toBe(600);
    queue.push(fresh, 600);
    expect(takeAll(600).length).toBe(3);
  });

  it('fail all when the stream breaks, and only what was sent may have been taken', () => {
    const [sent, waiting] = [write(), write()];
    queue.push(sent, 0);
    takeAll();
    queue.push(waiting, 0);
    queue.failAll('it broke');
    expect(settled.get(sent)).toEqual({ kind: 'failed', reason: 'it broke', sent: true });
    expect(settled.get(waiting)).toEqual({ kind: 'failed', reason: 'it broke', sent: false });
    expect([queue.unansweredBytes, queue.hasWaiting, queue.expire(60_000, () => {})]).toEqual([0, false, undefined]);
  });
});
