import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from '../support/quorate-process.js';
import { freePorts } from './free-ports.js';

const run = promisify(execFile);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate packed '));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('the packed program installs into an empty folder with a space in its path, and starts', async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  const paths = new Set(files.map(({ path }) => path));
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  for (const [, target = ''] of readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) expect(paths).toContain(target);
  const app = join(folder, 'an app');
  await mkdir(app);
  await writeFile(join(app, 'package.json'), '{}');
  const options = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
  await run('npm', ['install', ...options, join(folder, filename)], { cwd: app });
  const port = await freePorts(1);
  const up = spawn(join(app, 'node_modules/.bin/quorate'), ['up', '--listen', `127.0.0.1:${port}`], {
    cwd: app,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(up, 'exit');
  try {
    for await (const chunk of up.stdout) if (String(chunk).includes('Quorate is up')) break;
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect(await answer.text()).toBe('ready\n');
  } finally {
    up.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
}, 180_000);

it('a Node.js below the floor is told so in one line', async () => {
  const program = await readFile(join(ROOT, 'bin/quorate'), 'utf8');
  const older = `Object.defineProperty(process.versions, 'node', { value: '18.20.4' });\n${program.replace(/^#!.*/, '')}`;
  const path = join(folder, 'quorate.mjs');
  await writeFile(path, older);
  const failed = await run(process.execPath, [path]).catch((error: { code: number; stderr: string }) => error);
  expect(failed).toMatchObject({
    code: 1,
    stderr: 'quorate: this is Node.js 18.20.4, and 20.19 or newer is needed\n',
  });
});
