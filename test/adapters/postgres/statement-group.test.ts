import { describe, expect, it } from 'vitest';
import { StatementGroup, WAITING_MAX } from '../../../src/adapters/postgres/statement-group.js';
import { MetadataUnavailableError } from '../../../src/domain/errors.js';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';

/** Statements wait at the gate; what they were given is kept. */
function grouped(concurrentMax = 2) {
  const gate = new Gate();
  const statements: (readonly number[])[] = [];
  const group = new StatementGroup<number, string>({
    nameOf: (item) => String(item % 10_000),
    run: async (items) => {
      statements.push(items);
      await gate.opened;
      return items.map((item) => `done ${item}`);
    },
    concurrentMax,
  });
  return { gate, statements, group };
}

const countTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('grouped statements', () => {
  it('take what a turn brings, a bounded number at once, and never two items of one name', async () => {
    const { gate, statements, group } = grouped();
    const results = Promise.all([10_000, ...countTo(600)].map((item) => group.add(item, 5000)));
    gate.open();
    expect(await results).toEqual([10_000, ...countTo(600)].map((item) => `done ${item}`));
    expect(statements.map((items) => items.length)).toEqual([256, 256, 89]);
    expect(statements.find((items) => items.includes(10_000))).not.toContain(0);
  });

  it('that hang keep a bounded number waiting; what comes then is refused at once, and nothing of it was sent', async () => {
    const { statements, group } = grouped();
    const begun = countTo(512).map((item) => group.add(item, 60_000));
    await eventually(() => statements.length === 2);
    const waiting = countTo(WAITING_MAX).map((item) => group.add(item, 60_000));
    for (const each of [...begun, ...waiting]) each.catch(() => {});
    const refused = await group.add(1, 60_000).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MetadataUnavailableError);
    expect(refused).toMatchObject({ sent: false, message: expect.stringContaining('too many statements wait') });
  });

  it('that hang drop what waits when its time is over, and take what came later', async () => {
    const { gate, statements, group } = grouped(1);
    const first = group.add(1, 60_000);
    await eventually(() => statements.length === 1);
    const over = await Promise.allSettled(countTo(WAITING_MAX).map((item) => group.add(item, 1)));
    expect(new Set(over.map(({ status }) => status))).toEqual(new Set(['rejected']));
    for (const result of over) expect(result).toMatchObject({ reason: { kind: 'metadata_unavailable', sent: false } });
    const later = group.add(2, 60_000);
    gate.open();
    expect(await Promise.all([first, later])).toEqual(['done 1', 'done 2']);
    expect(statements).toEqual([[1], [2]]);
  });
});
