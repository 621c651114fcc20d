// The storage node of the stream bench, in a process of its own: also answers the same operations one by one.
import { create } from '@bufbuild/protobuf';
import { systemClock } from '../../dist/adapters/system/system-clock.js';
import { systemRandom } from '../../dist/adapters/system/system-random.js';
import { startStorageNode } from '../../dist/compose/start-storage-node.js';
import { ExchangeResponseSchema } from '../../dist/gen/storage/v1/storage_pb.js';
import { executeBatch } from '../../dist/storage-node/batch-execution.js';
import { UNARY_SERVICE } from './unary-service.js';

const quiet = { info() {}, warn() {}, error() {} };
const [dataFolder, secret] = process.argv.slice(2);

/** One operation a call: a batch of one, executed as the stream's are. */
const unaryRoutes = (router, node) =>
  router.service(UNARY_SERVICE, {
    call: ({ frame }) =>
      new Promise((resolve, reject) => {
        const answer = (one) =>
          resolve(create(ExchangeResponseSchema, { frame: { case: 'answers', value: { answers: [one] } } }));
        executeBatch({ node, diskUsagePercent: async () => 0, answer, onFailure: reject }, frame.value);
      }),
  });

const node = await startStorageNode({
  nodeId: 'n1',
  dataFolder,
  host: '127.0.0.1',
  port: 0,
  clusterSecret: Buffer.from(secret),
  clock: systemClock,
  random: systemRandom,
  log: quiet,
  onFailure: () => process.exit(1),
  extraRoutes: unaryRoutes,
});
process.on('message', () => process.send({ cpu: process.cpuUsage() }));
process.on('disconnect', () => node.close().then(() => process.exit(0)));
process.send({ port: node.port, storeId: node.storeId });
