import { expect, it } from 'vitest';
import type { Answer } from '../../src/gen/storage/v1/storage_pb.js';
import { NodeLoad } from '../../src/storage-node/node-load.js';
import { UntakenAnswers } from '../../src/storage-node/untaken-answers.js';

const MIB = 1024 * 1024;

const ask = (id: number): Answer => ({
  $typeName: 'storage.v1.Answer',
  id,
  kind: { case: 'ask', value: { $typeName: 'storage.v1.AskAnswer', greatestTimestamp: 1, acceptedUntil: 0 } },
});
const value = (id: number, bytes: number): Answer => ({
  $typeName: 'storage.v1.Answer',
  id,
  kind: { case: 'read', value: { $typeName: 'storage.v1.ReadAnswer', record: new Uint8Array(bytes), head: false } },
});
const idsOf = (frame: readonly Answer[]) => frame.map(({ id }) => id);

it('leave in frames of about a MiB and at most 256, small ones first', () => {
  const answers = new UntakenAnswers(new NodeLoad());
  for (const answer of [value(1, MIB), value(2, 10), value(3, MIB / 2), value(4, 3 * MIB), ask(5)]) answers.add(answer);
  expect(idsOf(answers.takeFrame())).toEqual([2, 5, 1]);
  expect(idsOf(answers.takeFrame())).toEqual([3]);
  expect(idsOf(answers.takeFrame())).toEqual([4]);
  for (let id = 0; id < 300; id++) answers.add(ask(id));
  expect([answers.takeFrame().length, answers.takeFrame().length, answers.takeFrame().length]).toEqual([256, 44, 0]);
});

it('hold up further values at 4 MiB of one stream and 128 MiB of all, but never for a stream that takes its own', () => {
  const load = new NodeLoad();
  const streams = Array.from({ length: 32 }, () => new UntakenAnswers(load));
  for (const stream of streams) {
    for (let id = 0; stream.admitsValue; id++) stream.add(value(id, MIB));
  }
  expect(load.untakenBytes).toBe(128 * MIB);
  const [first, second] = [new UntakenAnswers(load), new UntakenAnswers(load)];
  expect(first.admitsValue).toBe(true);
  first.add(value(1, MIB));
  expect([first.admitsValue, second.admitsValue]).toEqual([false, true]);
  first.takeFrame();
  expect(first.admitsValue).toBe(true);
  for (const stream of streams) stream.clear();
  expect(load.untakenBytes).toBe(0);
});
