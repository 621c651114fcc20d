// `npm run bench -- [--only NAME] [--json] [--compare FILE]`: runs each bench in a process of its own; exits with 1 when a
// bound is missed. FILE holds what an earlier run printed with --json.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { changeSince, readFigures } from './compare.js';

const folder = fileURLToPath(new URL('.', import.meta.url));
const args = process.argv.slice(2);
const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined;
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.bench.js'))
  .map((file) => file.slice(0, -'.bench.js'.length))
  .filter((name) => only === undefined || name === only);
if (names.length === 0) {
  process.stderr.write(`there is no bench ${only}\n`);
  process.exit(2);
}

const former = args.includes('--compare') ? readFigures(args[args.indexOf('--compare') + 1] ?? '') : undefined;

let missed = 0;
for (const name of names) {
  const { stdout, status } = spawnSync(process.execPath, [`${folder}${name}.bench.js`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) missed++;
  for (const line of stdout.trim().split('\n').filter(Boolean)) {
    const figure = JSON.parse(line);
    const verdict =
      figure.bound === undefined ? '' : isKept(figure) ? `ok (${figure.bound})` : `MISSED (${figure.bound})`;
    if (verdict.startsWith('MISSED')) missed++;
    if (args.includes('--json')) process.stdout.write(`${JSON.stringify({ bench: name, ...figure })}\n`);
    else
      process.stdout.write(
        `${name.padEnd(16)} ${figure.name.padEnd(62)} ${format(figure.value).padStart(12)} ${figure.unit.padEnd(10)} ${[verdict, changeSince(former, name, figure, format)].filter(Boolean).join('  ')}\n`,
      );
  }
}
process.exitCode = missed === 0 ? 0 : 1;

/** A bound reads "<= 5" or ">= 5". */
function isKept({ value, bound }) {
  const [relation, limit] = bound.split(' ');
  return relation === '<=' ? value <= Number(limit) : value >= Number(limit);
}

function format(value) {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
