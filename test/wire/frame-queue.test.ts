import { expect, it } from 'vitest';
import { FrameQueue } from '../../src/wire/frame-queue.js';

it('gives frames in order, waits for more, and ends after what was pushed', async () => {
  const queue = new FrameQueue<number>();
  queue.push(1);
  queue.push(2);
  const taken: number[] = [];
  const taker = (async () => {
    for await (const frame of queue) taken.push(frame);
  })();
  await Promise.resolve();
  queue.push(3);
  queue.end();
  queue.push(4);
  await taker;
  expect(taken).toEqual([1, 2, 3]);
});

it('tells who waits for room when fewer frames wait, or at the end', async () => {
  const queue = new FrameQueue<number>();
  for (const frame of [1, 2, 3]) queue.push(frame);
  let room = false;
  const waiting = queue.below(2).then(() => {
    room = true;
  });
  const frames = queue[Symbol.asyncIterator]();
  await frames.next();
  expect(room).toBe(false);
  await frames.next();
  await waiting;
  queue.push(4);
  const ended = queue.below(1);
  queue.end();
  await ended;
});
