import { beforeEach, describe, expect, it } from 'vitest';
import type { BatchedStream } from '../../../src/adapters/replica/batched-stream.js';
import { type Begun, VirtualStream } from '../../support/virtual-stream.js';

const VALUE_BYTES = 64 * 1024;
const TIMEOUT_MS = 2000;
const RUN_MS = 9000;
/** Until the window has found the link's rate. */
const SETTLE_MS = 4000;

describe('a stream over a link that is offered twice what it carries', () => {
  let world: VirtualStream;
  let stream: BatchedStream;
  let asks: number[];

  beforeEach(async () => {
    world = await VirtualStream.open();
    stream = await world.connect();
    asks = [];
  });

  /** Begins as many operations as make twice the link's rate, and an ask now and then. */
  async function overload(bytesPerMs: number, one: (i: number) => Begun): Promise<Begun[]> {
    const begun: Begun[] = [];
    const { clock } = world;
    const startMs = clock.monotonicMs();
    world.bytesPerMs = bytesPerMs;
    for (let ms = 0; ms < RUN_MS; ms += 5) {
      while (begun.length * VALUE_BYTES < ms * bytesPerMs * 2) begun.push(one(begun.length));
      if (ms % 100 === 0) {
        const askedAtMs = clock.monotonicMs();
        stream.ask(1, askedAtMs + TIMEOUT_MS, ({ ...outcome }) => {
          asks.push('case' in outcome && outcome.case === 'ask' ? clock.monotonicMs() - askedAtMs : Number.NaN);
        });
      }
      await clock.advance(startMs + ms + 5 - clock.monotonicMs());
    }
    return begun;
  }

  /** What came through in time, of what the link carries. */
  function goodput(begun: readonly Begun[], bytesPerMs: number, wanted: 'write' | 'read'): number {
    const untilMs = world.clock.monotonicMs();
    const fromMs = untilMs - RUN_MS + SETTLE_MS;
    const done = begun.filter(
      ({ outcome, endedAtMs = 0 }) =>
        outcome !== undefined && 'case' in outcome && outcome.case === wanted && endedAtMs >= fromMs,
    );
    return (done.length * VALUE_BYTES) / (bytesPerMs * (untilMs - fromMs));
  }

  it.each([2000, 20_000])('keeps it busy with writes that succeed, at %i bytes/ms', async (bytesPerMs) => {
    const begun = await overload(bytesPerMs, (i) => world.begin(stream, world.write(i % 100, VALUE_BYTES), TIMEOUT_MS));
    expect(goodput(begun, bytesPerMs, 'write')).toBeGreaterThan(0.8);
    expect(world.warnings).toEqual([]);
    const late = begun.filter(({ endedAtMs = world.clock.monotonicMs(), begunAtMs }) => endedAtMs - begunAtMs > 2020);
    expect(late).toEqual([]);
  });

  it.each([2000, 20_000])('keeps it busy with values that are read, at %i bytes/ms', async (bytesPerMs) => {
    for (let key = 0; key < 100; key++) world.begin(stream, world.write(key, VALUE_BYTES), 60_000);
    await world.clock.advance(1000);
    const begun = await overload(bytesPerMs, (i) => world.begin(stream, world.read(i % 100), TIMEOUT_MS));
    expect(goodput(begun, bytesPerMs, 'read')).toBeGreaterThan(0.8);
    expect(world.warnings).toEqual([]);
  });

  it('answers every ask meanwhile, long before the values that wait', async () => {
    const begun = await overload(20_000, (i) => world.begin(stream, world.write(i % 100, VALUE_BYTES), TIMEOUT_MS));
    expect(asks.length).toBeGreaterThan(RUN_MS / 100 - 10);
    expect(Math.max(...asks)).toBeLessThan(200);
    const waits = begun.map(({ begunAtMs, endedAtMs = begunAtMs }) => endedAtMs - begunAtMs);
    expect(Math.max(...waits)).toBeGreaterThan(900);
  });
});
