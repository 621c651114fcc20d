import { existsSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { runQuorate } from '../support/quorate-process.js';
import { freePorts } from './free-ports.js';
import { isAlive, UpHome } from './up-home.js';

const isRoot = process.getuid?.() === 0;
const homes: UpHome[] = [];

afterEach(async () => {
  for (const home of homes.splice(0)) await home.remove();
});

it.skipIf(!isRoot)('starts below a folder that only root may enter, and prints where the data is', async () => {
  const home = await UpHome.make(0o700);
  homes.push(home);
  const port = await freePorts(1);
  const up = await home.start(['--listen', `127.0.0.1:${port}`, '--nodes', '1']);
  const data = /PostgreSQL's data is in (.*)/.exec(up.stdout())?.[1] ?? '';
  expect(data).toMatch(/^\/var\/lib\/quorate\/[0-9a-f]{16}\/postgres\/data$/);
  expect(data).toBe(`${home.postgresFolder()}/data`);
  expect(existsSync(`${data}/PG_VERSION`)).toBe(true);
  const put = await runQuorate(['kv', 'put', 'demo', 'k', 'v', '--server', `http://127.0.0.1:${port}`]);
  expect(put.code).toBe(0);
  const pids = [...home.parts().values(), home.postgresPid()];
  expect(pids.filter(isAlive)).toHaveLength(3);
  up.kill('SIGTERM');
  expect(await up.exited).toEqual({ code: 0, signal: null });
  expect(pids.filter(isAlive)).toEqual([]);
});
