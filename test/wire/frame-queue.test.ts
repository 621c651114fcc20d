import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

it('tells that a frame was taken, so that the next is made only then', async () => {
  let made = 0;
  const queue: FrameQueue<number> = new FrameQueue(() => {
    if (queue.isEmpty && made < 5) queue.push(made++);
  });
  queue.push(made++);
  const frames = queue[Symbol.asyncIterator]();
  for (let frame = 0; frame < 4; frame++) {
    expect([made, queue.isEmpty]).toEqual([frame + 1, false]);
    expect(await frames.next()).toEqual({ value: frame, done: false });
  }
});

it('holds what waits and nothing of what was taken, also when something always waits', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const queue = new FrameQueue<{ readonly at: number }>();
  const frames = queue[Symbol.asyncIterator]();
  const taken: WeakRef<object>[] = [];
  const TOTAL = 1000;
  for (let at = 0; at < 10; at++) queue.push({ at });
  for (let at = 10; at < TOTAL; at++) {
    queue.push({ at });
    const { value } = await frames.next();
    if (value !== undefined) taken.push(new WeakRef(value));
    expect(queue.isEmpty).toBe(false);
  }
  // A weak reference holds its target until the turn of the event loop that made it is over.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(taken.filter((one) => one.deref() !== undefined).length).toBeLessThan(10);
});
