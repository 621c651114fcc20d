import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { changeSince, readFigures } from './compare.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-figures-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function figuresIn(text: string) {
  const file = join(folder, 'figures.jsonl');
  writeFileSync(file, text);
  return readFigures(file);
}

it('sets a figure against the former one of the same bench and name', () => {
  const former = figuresIn(
    '{"bench":"a","name":"rate","value":200,"unit":"/s"}\n{"bench":"b","name":"rate","value":0}\n',
  );
  const show = (bench: string, name: string, value: number) => changeSince(former, bench, { name, value }, String);
  expect(show('a', 'rate', 250)).toBe('was 200, +25.0 %');
  expect(show('a', 'rate', 150)).toBe('was 200, -25.0 %');
  expect(show('b', 'rate', 5)).toBe('was 0, +0.0 %');
  expect(show('a', 'other', 250)).toBe('');
  expect(changeSince(undefined, 'a', { name: 'rate', value: 1 }, String)).toBe('');
});

it('passes over what npm printed before the figures', () => {
  const former = figuresIn('\n> quorate@1.0.0 bench\n\n{"bench":"a","name":"rate","value":1}\n');
  expect([...former]).toEqual([['a/rate', 1]]);
});

it.each(['', 'nonsense', '{"bench":"a","name":"rate"}'])('refuses a file of %j, and names it', (text) => {
  expect(() => figuresIn(text)).toThrow(/figures\.jsonl holds no figures/);
});
