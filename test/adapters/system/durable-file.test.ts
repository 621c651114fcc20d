import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFolderDurably, readOrMakeDurably, writeDurably } from '../../../src/adapters/system/durable-file.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-durable-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('makes a secret once, and gives what stands there ever after', async () => {
  const path = join(folder, 'secret');
  expect(await readOrMakeDurably(path, () => 'first')).toBe('first');
  expect(await readOrMakeDurably(path, () => 'second')).toBe('first');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it('takes a draft that a killed start left for none', async () => {
  const path = join(folder, 'secret');
  await writeFile(`${path}.new`, 'half of a longer tex');
  expect(await readOrMakeDurably(path, () => 'whole')).toBe('whole');
  await writeDurably(path, 'other');
  expect(await readFile(path, 'utf8')).toBe('other');
});

it('makes folders that are missing, with the mode asked for', async () => {
  const deep = join(folder, 'a', 'b', 'c');
  await makeFolderDurably(deep, 0o700);
  await makeFolderDurably(deep, 0o700);
  expect((await stat(deep)).mode & 0o777).toBe(0o700);
});
