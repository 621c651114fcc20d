// Loads a gRPC method with h2load (Debian: nghttp2-client): the same generator, out of our process, for whoever is measured.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MEASURED_S = 2;
const CALIBRATING_REQUESTS = 40;

export function hasH2load() {
  return spawnSync('h2load', ['--version']).status === 0;
}

/** A gRPC message with its prefix. */
export function envelope(message) {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/**
 * Keeps so many requests in flight for about two seconds, after a short run that tells how many these are.
 * @param started called between the two
 * @returns requests, their rate per second, latency percentiles in ms, and the bytes of answers without headers
 */
export function load({ folder, url, body, inFlight, started = () => {} }) {
  const bodyFile = join(folder, 'body');
  writeFileSync(bodyFile, body);
  const calibrated = run({ folder, url, bodyFile, inFlight, requests: Math.max(CALIBRATING_REQUESTS, 4 * inFlight) });
  const requests = Math.max(4 * inFlight, Math.round(calibrated.rate * MEASURED_S));
  started();
  return run({ folder, url, bodyFile, inFlight, requests });
}

function run({ folder, url, bodyFile, inFlight, requests }) {
  // As a fleet of clients: a square of connections and of streams on each.
  const connections = Math.max(1, Math.round(Math.sqrt(inFlight)));
  const logFile = join(folder, 'requests.log');
  writeFileSync(logFile, '');
  const output = execFileSync(
    'h2load',
    [
      ...['-n', String(requests), '-c', String(connections), '-m', String(Math.ceil(inFlight / connections))],
      ...['-d', bodyFile, '-H', 'content-type: application/grpc', '-H', 'te: trailers', `--log-file=${logFile}`, url],
    ],
    { encoding: 'utf8' },
  );
  const [, succeeded] = /(\d+) succeeded/.exec(output) ?? [];
  const [, rate] = /([\d.]+) req\/s/.exec(output) ?? [];
  const [, dataBytes] = /\((\d+)\) data/.exec(output) ?? [];
  if (Number(succeeded) !== requests) throw new Error(`h2load did not succeed:\n${output}`);
  const latencies = Float64Array.from(
    readFileSync(logFile, 'utf8').trim().split('\n'),
    (line) => Number(line.split('\t')[2]) / 1000,
  ).sort();
  const percentile = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
  return {
    requests,
    rate: Number(rate),
    dataBytes: Number(dataBytes),
    p50Ms: percentile(0.5),
    p95Ms: percentile(0.95),
    p99Ms: percentile(0.99),
  };
}
