import { beforeEach, describe, expect, it } from 'vitest';
import { boundedLog } from '../../../src/adapters/system/bounded-log.js';
import type { Log, LogFields } from '../../../src/ports/log.js';
import { VirtualClock } from '../../support/virtual-clock.js';

describe('a bounded log', () => {
  let clock: VirtualClock;
  let lines: [level: string, fields: LogFields, message: string][];
  let log: Log;

  beforeEach(() => {
    clock = new VirtualClock();
    lines = [];
    const to = (level: string) => (fields: LogFields, message: string) => void lines.push([level, fields, message]);
    log = boundedLog({ info: to('info'), warn: to('warn'), error: to('error') }, clock);
  });

  it('writes the first lines of a kind as they come, and sums the rest of the minute in one', async () => {
    for (let i = 0; i < 100_000; i++) log.warn({ host: `h${i}` }, 'refused');
    log.error({}, 'something else');
    expect(lines.map(([, , message]) => message)).toEqual([...Array(10).fill('refused'), 'something else']);
    await clock.advance(60_000);
    expect(lines.slice(11)).toEqual([['warn', { host: 'h99999', furtherTimes: 99_990 }, 'refused']]);
    log.warn({ host: 'later' }, 'refused');
    expect(lines.at(-1)).toEqual(['warn', { host: 'later' }, 'refused']);
    await clock.advance(120_000);
    expect(lines).toHaveLength(13);
    expect(clock.pending).toBe(0);
  });

  it('cuts texts that strangers may have chosen', () => {
    log.warn({ host: 'h'.repeat(16_000), count: 7, err: new Error('x') }, 'refused');
    const [, { host, count, err }] = lines[0] ?? expect.fail('nothing was logged');
    expect(String(host)).toHaveLength(301);
    expect(count).toBe(7);
    expect(err).toBeInstanceOf(Error);
  });

  it('keeps account of so many kinds only', async () => {
    for (let i = 0; i < 5000; i++) log.info({}, `kind ${i}`);
    expect(lines).toHaveLength(210);
    expect(clock.pending).toBe(201);
    await clock.advance(60_000);
    expect(lines.at(-1)).toEqual(['info', { furtherTimes: 4790 }, 'further messages']);
  });
});
