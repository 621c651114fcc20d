import { beforeEach, describe, expect, it } from 'vitest';
import type { BatchedStream } from '../../../src/adapters/replica/batched-stream.js';
import { SimProcess } from '../../sim/sim-process.js';
import { type Begun, DESCRIBE, type Outcome, VirtualStream } from '../../support/virtual-stream.js';

const MIB = 1024 * 1024;

describe('the stream to a storage node', () => {
  let world: VirtualStream;
  let coordinator: SimProcess;
  let stream: BatchedStream;

  beforeEach(async () => {
    world = await VirtualStream.open();
    coordinator = new SimProcess('c1', world.clock);
    stream = await world.connect(coordinator);
  });

  const casesOf = (begun: readonly Begun[]) => new Set(begun.map(({ outcome }) => caseOf(outcome)));
  const ask = (timeoutMs: number) => {
    const asked: { outcome?: Outcome; tookMs?: number } = {};
    const askedAtMs = world.clock.monotonicMs();
    stream.ask(1, askedAtMs + timeoutMs, (outcome) => {
      asked.outcome = outcome;
      asked.tookMs = world.clock.monotonicMs() - askedAtMs;
    });
    return asked;
  };

  it('ends each of those who share an ask by its own deadline, whoever asked first', async () => {
    // A single frame that the link takes a second for is before them.
    world.bytesPerMs = 1000;
    world.begin(stream, world.write(1, MIB), 5000);
    await world.clock.advance(1);
    const asked = [ask(2000), ask(100), ask(300)];
    await world.clock.advance(1500);
    expect(asked.map(({ outcome }) => caseOf(outcome))).toEqual(['ask', 'failed', 'failed']);
    expect(Math.abs((asked[1]?.tookMs ?? 0) - 100)).toBeLessThan(20);
    expect(Math.abs((asked[2]?.tookMs ?? 0) - 300)).toBeLessThan(20);
  });

  it('carries one question for all who ask while it waits, and another for who asks after it left', async () => {
    const asked = [ask(1000), ask(5000)];
    await world.clock.advance(0);
    asked.push(ask(1000));
    await world.clock.advance(100);
    expect(asked.map(({ outcome }) => caseOf(outcome))).toEqual(['ask', 'ask', 'ask']);
    expect(asked.map(({ outcome }) => outcome === asked[0]?.outcome)).toEqual([true, true, false]);
  });

  it('takes back what waits, and settles it', async () => {
    world.bytesPerMs = 1000;
    const begun = Array.from({ length: 20 }, (_, key) => world.begin(stream, world.write(key, MIB), 60_000));
    await world.clock.advance(10);
    const last = begun.at(-1);
    if (last === undefined) throw new Error('nothing was begun');
    expect(stream.takeBack(last.operation)).toBe(true);
    expect(last.outcome).toMatchObject({ kind: 'failed', sent: false });
    await world.clock.advance(25_000);
    expect(begun.filter(({ outcome }) => caseOf(outcome) === 'write').length).toBe(19);
    expect(world.node.load.unflushedBytes).toBe(0);
  });

  it('outlives a coordinator that stood still for longer than a silent node is waited for', async () => {
    for (const stoppedMs of [5100, 6500, 60_000]) {
      coordinator.pause();
      await world.clock.advance(stoppedMs);
      coordinator.resume();
      await world.clock.advance(0);
      const begun = Array.from({ length: 20 }, (_, key) => world.begin(stream, world.write(key, 10), 500));
      await world.clock.advance(100);
      expect(casesOf(begun)).toEqual(new Set(['write']));
      await world.clock.advance(5000);
      expect([stream.state.usable, world.warnings]).toEqual([true, []]);
    }
  });

  it('still gives a silent node up, within a heartbeat of the time that it is waited for', async () => {
    world.bytesPerMs = 1e-6;
    await world.clock.advance(7000);
    expect(world.warnings.join()).toContain('does not answer');
  });

  it('carries heartbeats, asks and heads while a disk hangs, and writes again when it goes on', async () => {
    world.begin(stream, world.write(1, 10), 500);
    await world.clock.advance(100);
    world.flushAtMs = world.clock.monotonicMs() + 60_000;
    const writes = Array.from({ length: 200 }, (_, i) => world.begin(stream, world.write(i + 2, MIB / 4), 500));
    await world.clock.advance(10_000);
    expect(casesOf(writes)).toEqual(new Set(['failed']));
    const asked = ask(500);
    const others = [world.begin(stream, DESCRIBE, 500), world.begin(stream, world.read(1, true), 500)];
    await world.clock.advance(100);
    expect([caseOf(asked.outcome), ...casesOf(others)]).toEqual(['ask', 'describe', 'read']);
    expect([stream.state.usable, world.warnings]).toEqual([true, []]);
    await world.clock.advance(50_000);
    const write = world.begin(stream, world.write(1, 10), 500);
    await world.clock.advance(100);
    expect(caseOf(write.outcome)).toBe('write');
  });

  it('makes a node hold only so much for its disk, whatever the number of streams, and nothing for sure of the rest', async () => {
    world.flushAtMs = world.clock.monotonicMs() + 30_000;
    const begun: Begun[] = [];
    for (let i = 0; i < 24; i++) {
      const another = await world.connect(new SimProcess(`c${i + 2}`, world.clock));
      for (let key = 0; key < 100; key++) begun.push(world.begin(another, world.write(100 * i + key, MIB), 2000));
      await world.clock.advance(300);
      another.close();
    }
    expect(world.node.load.unflushedBytes).toBeGreaterThan(32 * MIB);
    expect(world.node.load.unflushedBytes).toBeLessThanOrEqual(64 * MIB);
    const refused = begun.filter(({ outcome }) => JSON.stringify(outcome).includes('too much waits for its disk'));
    expect(refused.length).toBeGreaterThan(10);
    await world.clock.advance(30_000);
    expect(world.node.load.unflushedBytes).toBe(0);
    expect(world.warnings).toEqual([]);
    const stored = world.node.records.keysCount;
    const writes = begun.filter(({ outcome }) => caseOf(outcome) === 'write').length;
    const unknown = begun.filter(({ outcome }) => JSON.stringify(outcome).includes('"sent":true')).length;
    expect(stored).toBeGreaterThanOrEqual(writes);
    expect(stored).toBeLessThanOrEqual(writes + unknown);
  });

  it('reads values only as fast as they are taken, and answers heads and asks before them', async () => {
    for (let key = 0; key < 10; key++) world.begin(stream, world.write(key, MIB), 2000);
    await world.clock.advance(1000);
    world.bytesPerMs = 2000;
    // Before the coordinator knows how large they are: all of them are sent.
    const reads = Array.from({ length: 60 }, (_, i) => world.begin(stream, world.read(i % 10), 60_000));
    await world.clock.advance(100);
    let heldBytes = 0;
    for (let i = 0; i < 20; i++) {
      heldBytes = Math.max(heldBytes, world.node.load.untakenBytes);
      const small = world.begin(stream, world.read(1, true), 2000);
      const asked = ask(2000);
      await world.clock.advance(1600);
      expect([caseOf(small.outcome), caseOf(asked.outcome)]).toEqual(['read', 'ask']);
    }
    expect(heldBytes).toBeGreaterThan(3 * MIB);
    expect(heldBytes).toBeLessThanOrEqual(5 * MIB + 1000);
    await world.clock.advance(10_000);
    expect([casesOf(reads), world.node.load.untakenBytes, world.warnings]).toEqual([new Set(['read']), 0, []]);
  });

  it('frees what a node held for a coordinator that is gone', async () => {
    for (let key = 0; key < 10; key++) world.begin(stream, world.write(key, MIB), 2000);
    await world.clock.advance(1000);
    world.bytesPerMs = 100;
    for (let i = 0; i < 60; i++) world.begin(stream, world.read(i % 10), 60_000);
    await world.clock.advance(500);
    expect(world.node.load.untakenBytes).toBeGreaterThan(3 * MIB);
    stream.close();
    await world.clock.advance(30_000);
    expect(world.node.load.untakenBytes).toBe(0);
  });
});

function caseOf(outcome: Outcome | undefined): string | undefined {
  if (outcome === undefined) return undefined;
  return 'kind' in outcome ? outcome.kind : outcome.case;
}
