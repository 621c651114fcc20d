// Figures as run.js prints them with --json, a line each, and what became of them since.
import { readFileSync } from 'node:fs';

/** @returns former values by bench and name; throws for a file that holds anything else */
export function readFigures(file) {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return new Map(
    lines.map((line, i) => {
      try {
        const { bench, name, value } = JSON.parse(line);
        if (typeof bench === 'string' && typeof name === 'string' && typeof value === 'number') {
          return [keyOf(bench, name), value];
        }
      } catch {
        // Said below.
      }
      throw new Error(`${file}, line ${i + 1}: no figure of "npm run bench -- --json"`);
    }),
  );
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
