import { appendFile, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogRotation } from '../../src/compose/up/log-rotation.js';

describe('the logs of a home', () => {
  let folder: string;
  let rotation: LogRotation;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-logs-'));
    rotation = new LogRotation(folder, 1000, 3_600_000);
  });
  afterEach(async () => {
    rotation.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('have at most two files of a size each, while their writers keep them open', async () => {
    const path = join(folder, 'node-1.log');
    const writer = await open(path, 'a');
    for (let i = 0; i < 100; i++) {
      await writer.appendFile(`${String(i).padStart(99, '0')}\n`);
      await rotation.look();
      expect((await stat(path)).size).toBeLessThanOrEqual(1000);
    }
    await writer.close();
    expect((await readFile(`${path}.1`, 'utf8')).length).toBe(1100);
    expect((await readFile(path, 'utf8')).trimEnd().split('\n').at(-1)).toBe('99'.padStart(99, '0'));
  });

  it('leave other files alone, and a folder that is gone ends nothing', async () => {
    const other = join(folder, 'notes.txt');
    await writeFile(other, '');
    await appendFile(other, 'x'.repeat(5000));
    await rotation.look();
    expect((await stat(other)).size).toBe(5000);
    await rm(folder, { recursive: true });
    await rotation.look();
  });
});
