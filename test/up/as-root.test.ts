import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { killAll, runQuorate, startQuorate } from '../support/quorate-process.js';

const isRoot = process.getuid?.() === 0;
const remove: string[] = [];

afterEach(async () => {
  await killAll();
  for (const path of remove.splice(0)) await rm(path, { recursive: true, force: true });
});

it.skipIf(!isRoot)('starts below a folder that only root may enter, and prints where the data is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-root-'));
  remove.push(folder);
  await chmod(folder, 0o700);
  await mkdir(join(folder, 'checkout'), { mode: 0o755 });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  const up = startQuorate([
    'up',
    '--home',
    join(folder, 'checkout/.quorate'),
    '--listen',
    `127.0.0.1:${port}`,
    '--nodes',
    '1',
  ]);
  await eventually(() => up.stdout().includes("PostgreSQL's data is in"), 60_000);
  const data = /PostgreSQL's data is in (.*)/.exec(up.stdout())?.[1] ?? '';
  expect(data.startsWith('/var/lib/quorate/')).toBe(true);
  remove.push(dirname(dirname(data)));
  const put = await runQuorate(['kv', 'put', 'demo', 'k', 'v', '--server', `http://127.0.0.1:${port}`]);
  expect(put.code).toBe(0);
  up.kill('SIGTERM');
  expect(await up.exited).toEqual({ code: 0, signal: null });
});
