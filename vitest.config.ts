import { defineConfig } from 'vitest/config';

/** Folders whose tests start processes: one file at a time, as these keep both cores and the disk busy by themselves. */
const REAL_PROCESSES = ['bench', 'cli', 'clients', 'cluster', 'conformance', 'fuzz', 'hostile', 'postgres', 'up'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);
const COMMON = { pool: 'forks', testTimeout: 60_000, hookTimeout: 120_000 } as const;
const IN_PROCESS = { include: ['test/**/*.test.ts'], exclude: REAL_PROCESSES, maxWorkers: 2 };

export default defineConfig({
  test: {
    globalSetup: ['test/support/build-once.ts', 'test/support/global-postgres.ts'],
    projects: [
      { test: { ...COMMON, name: 'in-process', ...IN_PROCESS, sequence: { groupOrder: 0 } } },
      {
        test: {
          ...COMMON,
          name: 'real-processes',
          include: REAL_PROCESSES,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
