import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { connectTransport } from '../../../src/adapters/replica/connect-transport.js';
import { ReplicaPool } from '../../../src/adapters/replica/replica-pool.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { systemRandom } from '../../../src/adapters/system/system-random.js';
import { startStorageNode } from '../../../src/compose/start-storage-node.js';
import { recordOf } from '../../../src/domain/record.js';
import { type StorageNode, snapshotOf } from '../../../src/domain/topology.js';
import { encodeRecord } from '../../../src/wire/record-format.js';
import { encodeStorageKey } from '../../../src/wire/storage-key.js';
import { eventually } from '../../support/eventually.js';
import { silentLog } from '../../support/silent-log.js';
import { ThrottledProxy } from '../../support/throttled-proxy.js';

const MIB = 1024 * 1024;
const VALUE_BYTES = 64 * 1024;
const TIMEOUT_MS = 2000;

it('a TCP link that is offered twice what it carries is busy with writes that succeed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-link-'));
  const around = { clock: systemClock, random: systemRandom, log: silentLog };
  const clusterSecret = Buffer.from('a secret of this test');
  const node = await startStorageNode({
    ...around,
    nodeId: 'n1',
    dataFolder: join(folder, 'data'),
    host: '127.0.0.1',
    port: 0,
    clusterSecret,
    onFailure: (failure) => expect.fail(String(failure)),
  });
  const proxy = await ThrottledProxy.open(node, (8 * MIB) / 1000);
  const member: StorageNode = {
    nodeId: 'n1',
    host: '127.0.0.1',
    port: proxy.port,
    virtualNodes: 8,
    zone: '',
    status: 'active',
    storeId: node.storeId,
  };
  const greeting = { actor: 'c@1', clusterId: 'cluster', clusterSecret };
  const snapshot = snapshotOf({ epoch: 1, nodes: [member], tenants: [] });
  const pool = new ReplicaPool({ ...around, transport: connectTransport, greeting, onNewerEpoch: () => {} }, snapshot);
  pool.update(snapshot);
  let offered = 0;
  let writtenBytes = 0;
  const write = (i: number) => {
    const record = recordOf({ actor: 'c@1', timestamp: i + 1 }, Buffer.alloc(VALUE_BYTES, i));
    const storageKey = encodeStorageKey({ tenantNumber: 1, token: BigInt(i % 100), key: Buffer.from(`k${i % 100}`) });
    const encoded = { bytes: encodeRecord(record), clock: record.clock };
    const operation = { epoch: 1, replicationFactor: 1, storageKey };
    void pool.write('n1', operation, encoded, systemClock.monotonicMs() + TIMEOUT_MS).then(({ kind }) => {
      if (kind === 'held') writtenBytes += VALUE_BYTES;
    });
  };
  /** Offers two bytes for each that the link carries, until it carried so much. */
  const carry = (bytes: number) => {
    const untilBytes = proxy.carriedBytes + bytes;
    return eventually(() => {
      for (; offered * VALUE_BYTES < 2 * proxy.carriedBytes + 4 * MIB; offered++) write(offered);
      return proxy.carriedBytes >= untilBytes;
    }, 30_000);
  };
  try {
    await eventually(() => pool.state('n1').usable === true);
    await carry(32 * MIB);
    const before = { carried: proxy.carriedBytes, written: writtenBytes };
    await carry(40 * MIB);
    expect((writtenBytes - before.written) / (proxy.carriedBytes - before.carried)).toBeGreaterThan(0.8);
    expect(pool.state('n1').usable).toBe(true);
  } finally {
    pool.close();
    await proxy.close();
    await node.close();
    await rm(folder, { recursive: true, force: true });
  }
});
