import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/start-embedded-postgres.js';
import { systemRandom } from '../../src/adapters/system/system-random.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL for all test files; each makes databases of its own: see test-database.ts. */
    readonly postgresUrl: string;
  }
}

/** One real PostgreSQL for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = await mkdtemp(join(tmpdir(), 'quorate-test-'));
  await chmod(home, 0o711);
  const server = await startEmbeddedPostgres({
    home,
    logFile: join(home, 'postgres.log'),
    searchPath: process.env.PATH ?? '',
    random: systemRandom,
  });
  project.provide('postgresUrl', server.url);
  return async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  };
}
