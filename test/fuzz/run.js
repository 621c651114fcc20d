// `npm run fuzz -- --minutes N [--seed S]`: a real cluster, asked for everything but what it expects. Exits with 1 when
// something was found, and prints what replays it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { hasProc, residentMib } from '../bench/process-figures.js';
import { startQuorate } from '../bench/quorate-cluster.js';

const GROWTH_MAX_MIB = 300;
const args = process.argv.slice(2);
const option = (name, byDefault) => (args.includes(name) ? Number(args[args.indexOf(name) + 1]) : byDefault);
const [minutes, seed] = [option('--minutes', 1), option('--seed', Date.now() % 1_000_000)];
if (!(minutes > 0) || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run fuzz -- [--minutes N] [--seed S]\n');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'quorate-fuzz-'));
const outfile = join(folder, 'fuzz.mjs');
await build({
  entryPoints: [fileURLToPath(new URL('fuzz.ts', import.meta.url))],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  logLevel: 'error',
});
const { fuzz } = await import(pathToFileURL(outfile).href);
const cluster = await startQuorate(join(folder, 'cluster'));
const findings = [];
try {
  const [pid] = cluster.pids;
  // What caches and the compiler need comes first.
  const warm = await fuzz(cluster.url, seed + 1, 5000);
  const before = hasProc ? residentMib(pid) : 0;
  const report = await fuzz(cluster.url, seed, minutes * 60_000);
  findings.push(...warm.findings, ...report.findings);
  process.kill(pid, 0);
  const growth = hasProc ? residentMib(pid) - before : 0;
  if (growth > GROWTH_MAX_MIB) findings.push(`resident memory grew by ${growth.toFixed(0)} MiB`);
  const perSecond = (report.requests / (minutes * 60)).toFixed(0);
  process.stdout.write(
    `seed ${seed}: ${report.requests} requests, ${perSecond}/s, memory ${growth >= 0 ? '+' : ''}${growth.toFixed(0)} MiB\n`,
  );
} catch (error) {
  findings.push(`the coordinator is gone: ${error}`);
} finally {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}
for (const finding of findings) process.stdout.write(`found: ${finding}\n`);
process.stdout.write(findings.length === 0 ? 'nothing found\n' : `replay with --seed ${seed}\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
