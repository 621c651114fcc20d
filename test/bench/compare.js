// Figures as run.js prints them with --json, a line each, and what became of them since.
import { readFileSync } from 'node:fs';

/** @returns former values by bench and name, whatever npm printed before them; throws for a file that holds none */
export function readFigures(file) {
  const figures = new Map();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (!line.startsWith('{')) continue;
    const { bench, name, value } = JSON.parse(line);
    if (typeof value === 'number') figures.set(keyOf(bench, name), value);
  }
  if (figures.size === 0) throw new Error(`${file} holds no figures of "npm run bench -- --json"`);
  return figures;
}

/** "was 12.3, +5.0 %"; empty for a figure that is new. */
export function changeSince(former, bench, { name, value }, format) {
  const before = former?.get(keyOf(bench, name));
  if (before === undefined) return '';
  const percent = before === 0 ? 0 : ((value - before) / before) * 100;
  return `was ${format(before)}, ${percent >= 0 ? '+' : ''}${percent.toFixed(1)} %`;
}

function keyOf(bench, name) {
  return `${bench}/${name}`;
}
