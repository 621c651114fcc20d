import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from '../support/quorate-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const MACHINES = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];

let folder: string;
let database: TestDatabase;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-machines-'));
  database = await createTestDatabase();
});
afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

/** A port that is free on all three. */
async function freePort(): Promise<number> {
  for (;;) {
    const servers = MACHINES.map(() => createServer());
    const [first = createServer(), ...others] = servers;
    try {
      first.listen(0, MACHINES[0]);
      await once(first, 'listening');
      const { port } = first.address() as { port: number };
      for (const [i, server] of others.entries()) {
        server.listen(port, MACHINES[i + 1]);
        await once(server, 'listening');
      }
      return port;
    } catch {
      // Somebody has it on one of the others.
    } finally {
      for (const server of servers) server.close();
    }
  }
}

it("the README's script for several machines runs as it stands", async () => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const chapter = readme.slice(readme.indexOf('## Several machines'));
  const script = /```bash\n([\s\S]*?)```/.exec(chapter)?.[1] ?? expect.fail('the chapter has no script');
  const [coordinatorPort, nodePort] = [await freePort(), await freePort()];
  const child = spawn('bash', ['-c', script], {
    cwd: ROOT,
    detached: true,
    env: {
      ...process.env,
      COORDINATOR_PORT: String(coordinatorPort),
      NODE_PORT: String(nodePort),
      DIR: folder,
      DATABASE_URL: database.settings.url,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code] = await once(child, 'exit');
  const closed = once(child, 'close');
  // The parts that it started in the background are of its process group.
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  await closed;
  expect(code, errors).toBe(0);
  const lines = output.trim().split('\n');
  expect(lines).toHaveLength(9);
  expect(lines.slice(0, 2)).toEqual(['ready', 'ready']);
  const answers = lines.slice(2).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(answers[0]).toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('add nodes with AddStorageNode first'),
  });
  for (const answer of answers.slice(1)) expect(answer).toMatchObject({ success: true });
  expect(answers[5]).toMatchObject({
    replicaCount: expect.any(Number),
    vectorClock: { entries: [{ coordinatorNodeId: 'coordinator-a@1' }] },
  });
  expect(answers[6]).toMatchObject({ key: 'greeting', value: Buffer.from('hello').toString('base64') });
});
