import { expect, it } from 'vitest';
import { completedAtOnce, percentageOf } from '../../src/domain/migration.js';

const done = completedAtOnce({ migrationId: 'm', type: 'node_addition', nodeId: 'a', tenantId: '' }, 5);

it('shows 100 % only of a completed migration', () => {
  expect(percentageOf(done)).toBe(100);
  const running = { ...done, status: 'in_progress', totalKeys: 1000 } as const;
  expect(percentageOf({ ...running, keysMigrated: 0 })).toBe(0);
  expect(percentageOf({ ...running, keysMigrated: 500 })).toBe(50);
  expect(percentageOf({ ...running, keysMigrated: 1000 })).toBe(99.9);
  expect(percentageOf({ ...running, totalKeys: 0 })).toBe(0);
});

it('starts and ends a change that moved nothing at the same moment', () => {
  expect(done).toMatchObject({
    status: 'completed',
    startedAt: 5,
    estimatedCompletion: 5,
    keysMigrated: 0,
    totalKeys: 0,
  });
});
