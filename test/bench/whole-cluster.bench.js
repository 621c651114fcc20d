// The whole cluster over gRPC, durable, three replicas: writes and reads at quorum of one key of 100 bytes, beside three
// members of etcd where that is installed. Both are asked by the same generator, turn and turn about.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ETCD_PUT, ETCD_RANGE, hasEtcd, putRequest, rangeRequest, startEtcd } from './etcd-cluster.js';
import { probe } from './grpc-probe.js';
import { envelope, hasH2load, load } from './h2load.js';
import { cpuSeconds, hasProc, residentMib } from './process-figures.js';
import { QUORATE_READ, QUORATE_WRITE, readRequest, startQuorate, writeRequest } from './quorate-cluster.js';
import { report } from './report.js';

const KEY = 'key';
const VALUE = Buffer.alloc(100, 7);
const IN_FLIGHT = [1, 64, 256];
const BOUNDS = { write: '>= 0.12', read: '>= 0.2' };
const BOUND_AT = 64;
const WARM_UP_ROUNDS = 4;
const MICROSECONDS = 1e6;

if (!hasH2load()) {
  process.stderr.write('whole-cluster: skipped, as h2load is not on the PATH (Debian: nghttp2-client)\n');
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
const systems = [];
try {
  const quorate = await startQuorate(join(folder, 'quorate'));
  systems.push({
    ...quorate,
    name: 'quorate',
    write: { path: QUORATE_WRITE, body: writeRequest(KEY, VALUE) },
    read: { path: QUORATE_READ, body: readRequest(KEY) },
  });
  if (hasEtcd()) {
    const etcd = await startEtcd(join(folder, 'etcd'));
    systems.push({
      ...etcd,
      name: 'etcd',
      write: { path: ETCD_PUT, body: putRequest(KEY, VALUE) },
      read: { path: ETCD_RANGE, body: rangeRequest(KEY) },
    });
  } else
    process.stderr.write('whole-cluster: etcd is not on the PATH (Debian: etcd-server), so there is no ratio to it\n');
  // Both are measured warm: a compiler that learns from running code takes a while.
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (const { url, write, read } of systems) {
      for (const { path, body } of [write, read]) load({ folder, url: `${url}${path}`, body, inFlight: BOUND_AT });
    }
  }
  for (const operation of ['write', 'read']) {
    for (const inFlight of IN_FLIGHT) await compare(operation, inFlight);
  }
  for (const { name, pids } of systems) {
    if (hasProc)
      report(
        `${name}: resident memory of its processes`,
        pids.map(residentMib).reduce((a, b) => a + b),
        'MiB',
      );
  }
} finally {
  for (const { stop } of systems) await stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function compare(operation, inFlight) {
  const rates = new Map();
  for (const system of systems) rates.set(system.name, await measure(system, operation, inFlight));
  const [ours, theirs] = [rates.get('quorate'), rates.get('etcd')];
  if (theirs === undefined) return;
  const bound = inFlight === BOUND_AT ? BOUNDS[operation] : undefined;
  report(`${operation}s, ${inFlight} in flight: quorate over etcd`, ours / theirs, 'x', bound);
}

/** @returns operations per second */
async function measure(system, operation, inFlight) {
  const { path, body } = system[operation];
  const url = `${system.url}${path}`;
  // The first write makes the key that reads look for; each probe fails unless its grpc-status is 0.
  await probe(`${system.url}${system.write.path}`, system.write.body);
  const before = await probe(url, body);
  let cpuBefore = 0;
  const started = () => {
    cpuBefore = hasProc ? cpuSeconds(system.cpuPids ?? system.pids) : 0;
  };
  const { rate, requests, dataBytes, p50Ms, p95Ms, p99Ms } = load({ folder, url, body, inFlight, started });
  const cpu = hasProc ? cpuSeconds(system.cpuPids ?? system.pids) - cpuBefore : 0;
  const after = await probe(url, body);
  // A failure of gRPC is an answer without a message, which h2load counts as a success. Revisions in answers may grow by a byte.
  const expected = requests * Math.min(envelope(before).length, envelope(after).length);
  if (dataBytes < 0.99 * expected) throw new Error(`${system.name}: some ${operation}s failed`);
  const label = `${system.name}: ${operation}s, ${inFlight} in flight`;
  report(label, rate, '/s');
  report(`${label}, median latency`, p50Ms, 'ms');
  report(`${label}, 95th percentile`, p95Ms, 'ms');
  report(`${label}, 99th percentile`, p99Ms, 'ms');
  if (hasProc) report(`${label}, CPU of all its processes`, (cpu / requests) * MICROSECONDS, 'us/op');
  return rate;
}
