// Operations per CPU second, of client and node together: the batched stream against unary calls to the same node.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { connectTransport } from '../../dist/adapters/replica/connect-transport.js';
import { ReplicaPool } from '../../dist/adapters/replica/replica-pool.js';
import { systemClock } from '../../dist/adapters/system/system-clock.js';
import { systemRandom } from '../../dist/adapters/system/system-random.js';
import { recordOf } from '../../dist/domain/record.js';
import { snapshotOf } from '../../dist/domain/topology.js';
import { BatchSchema, ExchangeRequestSchema } from '../../dist/gen/storage/v1/storage_pb.js';
import { encodeRecord } from '../../dist/wire/record-format.js';
import { encodeStorageKey } from '../../dist/wire/storage-key.js';
import { report } from './report.js';
import { UNARY_SERVICE } from './unary-service.js';

const IN_FLIGHT = 256;
/** Spent on each before any is measured: unary calls at first take twice the CPU that they settle at, which would flatter the stream. */
const WARM_UP_CPU_SECONDS = 4;
const WARM_UP_STEP_MS = 500;
const ROUNDS = 3;
const ROUND_MS = 1500;
const SECRET = 'a secret of this bench';

const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
const node = fork(fileURLToPath(new URL('stream-node.js', import.meta.url)), [join(folder, 'data'), SECRET]);
const ended = once(node, 'exit');
try {
  const { port, storeId } = await told();
  await measure(port, storeId);
} finally {
  if (node.connected) node.disconnect();
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

async function measure(port, storeId) {
  const member = { nodeId: 'n1', host: '127.0.0.1', port, virtualNodes: 8, zone: '', status: 'active', storeId };
  const snapshot = snapshotOf({ epoch: 1, nodes: [member], tenants: [] });
  const log = { info() {}, warn() {}, error() {} };
  const greeting = { actor: 'bench@1', clusterId: 'bench', clusterSecret: Buffer.from(SECRET) };
  const parts = {
    transport: connectTransport,
    clock: systemClock,
    random: systemRandom,
    log,
    greeting,
    onNewerEpoch() {},
  };
  const pool = new ReplicaPool(parts, snapshot);
  pool.update(snapshot);
  const baseUrl = `http://127.0.0.1:${port}`;
  const unary = createClient(UNARY_SERVICE, createGrpcTransport({ baseUrl, acceptCompression: [] }));
  const soon = () => systemClock.monotonicMs() + 10_000;
  const key = (i) =>
    encodeStorageKey({ tenantNumber: 1, token: BigInt(i % 1000), key: Buffer.from(`key-${i % 1000}`) });
  const operation = (i) => ({ epoch: 1, replicationFactor: 1, storageKey: key(i) });
  let timestamp = 1;
  const record = () => {
    const one = recordOf({ actor: 'bench@1', timestamp: timestamp++ }, Buffer.alloc(100, 7));
    return { bytes: encodeRecord(one), clock: one.clock };
  };
  const call = async (kind) => {
    const batch = create(BatchSchema, { epoch: 1, operations: [{ id: 1, kind }] });
    const { frame } = await unary.call(create(ExchangeRequestSchema, { frame: { case: 'batch', value: batch } }));
    const answer = frame.value.answers[0].kind;
    if (answer.case !== kind.case) throw new Error(`answered ${answer.case}`);
    if (answer.case === 'read' && answer.value.record.length === 0) throw new Error('found no record');
  };
  const expectKind =
    (...kinds) =>
    ({ kind }) => {
      if (!kinds.includes(kind)) throw new Error(`answered ${kind}`);
    };
  const expectRecord = (result) => {
    if (result.reading?.kind !== 'record') throw new Error(`answered ${result.reading?.kind ?? result.kind}`);
  };
  for (let i = 0; i < 1000; i++) await pool.write('n1', operation(i), record(), soon()).then(expectKind('held'));
  const rates = await measured({
    readsStreamed: (i) => pool.read('n1', operation(i), false, soon()).then(expectRecord),
    readsSingle: (i) => call({ case: 'read', value: { storageKey: key(i), replicationFactor: 1 } }),
    writesStreamed: (i) => pool.write('n1', operation(i), record(), soon()).then(expectKind('held', 'passed')),
    writesSingle: (i) =>
      call({ case: 'write', value: { storageKey: key(i), replicationFactor: 1, record: record().bytes } }),
  });
  pool.close();
  report('reads per CPU second, batched stream', rates.readsStreamed, '/s');
  report('reads per CPU second, unary calls', rates.readsSingle, '/s');
  report('writes per CPU second, batched stream', rates.writesStreamed, '/s');
  report('writes per CPU second, unary calls', rates.writesSingle, '/s');
  report('reads: batched stream over unary calls', rates.readsStreamed / rates.readsSingle, 'x', '>= 20');
  report(
    'writes of 100 bytes, flushed: batched stream over unary calls',
    rates.writesStreamed / rates.writesSingle,
    'x',
  );
}

/** Operations per CPU second of each; turn and turn about, so that a machine that slows down slows all. */
async function measured(runs) {
  const rates = Object.fromEntries(Object.keys(runs).map((name) => [name, 0]));
  for (const run of Object.values(runs)) await warmUp(run);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(runs)) rates[name] += (await perCpuSecond(run)) / ROUNDS;
  }
  return rates;
}

async function warmUp(run) {
  const until = (await cpuSeconds()) + WARM_UP_CPU_SECONDS;
  while ((await cpuSeconds()) < until) await load(run, WARM_UP_STEP_MS);
}

async function perCpuSecond(run) {
  const before = await cpuSeconds();
  const count = await load(run, ROUND_MS);
  return count / ((await cpuSeconds()) - before);
}

/** Keeps so many operations in flight for a while; returns how many ended. */
async function load(run, durationMs) {
  const untilMs = performance.now() + durationMs;
  let count = 0;
  const worker = async () => {
    while (performance.now() < untilMs) await run(count++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return count;
}

async function cpuSeconds() {
  node.send('cpu?');
  const { cpu } = await told();
  const own = process.cpuUsage();
  return (cpu.user + cpu.system + own.user + own.system) / 1e6;
}

/** The node's next message; a node that ended sends none. */
async function told() {
  const dead = ended.then(() => {
    throw new Error('the storage node ended');
  });
  const [message] = await Promise.race([once(node, 'message'), dead]);
  return message;
}
