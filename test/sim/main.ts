import { FAULT_KINDS } from './faults.js';
import { describeEntry } from './history.js';
import { runSeed, type SeedOptions, type SeedReport } from './run-seed.js';

const USAGE = `usage: npm run sim -- [--seeds N] [--from S] [--operations N] [--faults KINDS]
       npm run sim -- --seed S [--operations N] [--faults KINDS]

  --seeds N       how many seeds to run (default 200)
  --from S        the first of them (default 1)
  --seed S        replays one seed and prints its faults and its history
  --operations N  of each seed (default 200)
  --faults KINDS  only these kinds of faults, comma-separated (default: a few of all, drawn by the seed)

Kinds:
${FAULT_KINDS.map(({ name }) => `  ${name}`).join('\n')}

Exits with 1 and the seed when a check fails.
`;

interface Arguments extends SeedOptions {
  readonly seed: number | undefined;
  readonly seeds: number;
  readonly from: number;
}

async function main(args: readonly string[]): Promise<number> {
  const { seed, seeds, from, ...options } = parse(args);
  if (seed !== undefined) return replay(seed, options);
  // Stacks of expected failures would cost a tenth of the run; a replay has them.
  Error.stackTraceLimit = 0;
  const injected = new Map<string, number>();
  const started = process.cpuUsage();
  let [operations, virtualMs] = [0, 0];
  for (let current = from; current < from + seeds; current++) {
    const report = await runSeed(current, options);
    operations += report.history.length;
    virtualMs += report.virtualMs;
    for (const [name, count] of report.injected) injected.set(name, (injected.get(name) ?? 0) + count);
    if (report.violations.length > 0) {
      printViolations(report);
      process.stdout.write(`found within ${current - from + 1} seeds; replay with --seed ${current}\n`);
      return 1;
    }
  }
  const { user, system } = process.cpuUsage(started);
  const perSecond = seeds / ((user + system) / 1e6);
  const faults = [...injected].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${count} ${name}`);
  process.stdout.write(
    `${seeds} seeds, ${operations} operations, ${(virtualMs / 1000).toFixed(0)} s of virtual time: nothing found\n` +
      `${perSecond.toFixed(1)} seeds per CPU second; injected ${faults.join(', ')}\n`,
  );
  return 0;
}

async function replay(seed: number, options: SeedOptions): Promise<number> {
  const report = await runSeed(seed, options);
  process.stdout.write(`faults of seed ${seed}:\n${report.faults.join('\n')}\n\noperations:\n`);
  for (const entry of report.history) process.stdout.write(`${describeEntry(entry)}\n`);
  printViolations(report);
  return report.violations.length === 0 ? 0 : 1;
}

function printViolations({ seed, violations }: SeedReport): void {
  const verdict = violations.length === 0 ? ['nothing found'] : violations;
  process.stdout.write(`seed ${seed}: ${verdict.join(`\nseed ${seed}: `)}\n`);
}

function parse(args: readonly string[]): Arguments {
  const values = new Map<string, number>();
  let faults: readonly string[] = [];
  for (let i = 0; i < args.length; i += 2) {
    const [name = '', text = ''] = args.slice(i, i + 2);
    if (name === '--faults' && text.split(',').every(isKind)) faults = text.split(',');
    else if (['--seed', '--seeds', '--from', '--operations'].includes(name) && /^\d{1,9}$/.test(text))
      values.set(name, Number(text));
    else {
      process.stderr.write(USAGE);
      process.exit(2);
    }
  }
  return {
    seed: values.get('--seed'),
    seeds: values.get('--seeds') ?? 200,
    from: values.get('--from') ?? 1,
    operations: values.get('--operations') ?? 200,
    faults,
  };
}

function isKind(text: string): boolean {
  return FAULT_KINDS.some(({ name }) => name === text);
}

process.exitCode = await main(process.argv.slice(2));
