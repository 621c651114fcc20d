// Writes with a client's idempotency key, which PostgreSQL reserves first, against writes without one.
import { context, TENANT, throughput, withCluster } from './cluster.js';
import { report } from './report.js';

const IN_FLIGHT = 256;
const MEASURED_MS = 3000;
const value = Buffer.alloc(100, 7);
let count = 0;

await withCluster(async (services) => {
  const write = (idempotencyKey) => {
    const key = `key-${count++ % 10_000}`;
    return services.write({ tenantId: TENANT, key, value, consistency: 'quorum', idempotencyKey }, context());
  };
  const plain = () => write('');
  const keyed = () => write(`attempt-${count}`);
  for (const run of [plain, keyed]) await throughput(run, IN_FLIGHT, 1000);
  // Turn and turn about, so that a machine that slows down slows both.
  const rates = { plain: 0, keyed: 0 };
  for (let round = 0; round < 2; round++) {
    rates.plain += (await throughput(plain, IN_FLIGHT, MEASURED_MS)) / 2;
    rates.keyed += (await throughput(keyed, IN_FLIGHT, MEASURED_MS)) / 2;
  }
  report(`quorum writes without a client's key, ${IN_FLIGHT} in flight`, rates.plain, '/s');
  report(`quorum writes with a client's key, ${IN_FLIGHT} in flight`, rates.keyed, '/s');
  report("a write with a client's key over one without", rates.keyed / rates.plain, 'x', '>= 0.4');
});
