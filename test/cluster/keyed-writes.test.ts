import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DATABASE_DEFAULTS, openClient } from '../../src/adapters/postgres/database.js';
import { eventually } from '../support/eventually.js';
import { failureOfCall } from '../support/failing-call.js';
import { type CoordinatorClient, ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';

const KEYS = Array.from({ length: 512 }, (_, i) => `key-${i}`);
/** So few that none waits for longer than the lease. */
const FEW_KEYS = KEYS.slice(0, 64);
/** Short, so that a test may outlast it. */
const LEASE = ['--lease-ms', '1000'];

describe('keyed writes on two coordinators', () => {
  let cluster: ProcessCluster;
  let one: CoordinatorClient;
  let other: CoordinatorClient;

  beforeEach(async () => {
    cluster = await ProcessCluster.make();
    await Promise.all(['n1', 'n2', 'n3'].map((nodeId) => cluster.startNode(nodeId)));
    one = (await cluster.startCoordinator('c1', LEASE)).client;
    other = (await cluster.startCoordinator('c2', LEASE)).client;
    await cluster.addNodes(one);
    await one.createTenant({ tenantId: 't' });
    await eventually(() =>
      other
        .readKeyValue({ tenantId: 't', key: 'x', consistency: 'all' })
        .catch(({ message }) => String(message).includes('KEY_NOT_FOUND')),
    );
  });
  afterEach(async () => {
    await cluster.remove();
    await killAll();
  });

  const keyed = (client: CoordinatorClient, key: string) =>
    client.writeKeyValue({ tenantId: 't', key, value: Buffer.from('keyed'), idempotencyKey: `of ${key}` });
  const plain = (client: CoordinatorClient, key: string) =>
    client.writeKeyValue({ tenantId: 't', key, value: Buffer.from('later') });
  const read = async (client: CoordinatorClient, key: string) =>
    Buffer.from((await client.readKeyValue({ tenantId: 't', key })).value).toString();
  /** Keys that are reserved and not answered. */
  const reservedKeys = async () => {
    const client = openClient({ ...DATABASE_DEFAULTS, url: cluster.databaseUrl, applicationName: 'tests' });
    const rows = await client`select key from quorate.idempotency_records where answer is null`;
    await client.end();
    return rows.map((row) => Buffer.from(row.key as Uint8Array).toString());
  };

  it('run once when both are asked at the same moment, and all get the same answer', async () => {
    await Promise.all(
      FEW_KEYS.map(async (key) => {
        const answers = await Promise.all([keyed(one, key), keyed(other, key), keyed(one, key), keyed(other, key)]);
        expect(answers.filter(({ isDuplicate }) => !isDuplicate).length, key).toBe(1);
        const dots = answers.map(
          ({ vectorClock }) =>
            JSON.stringify(vectorClock?.entries[0]?.coordinatorNodeId) + vectorClock?.entries[0]?.logicalTimestamp,
        );
        expect(new Set(dots).size).toBe(1);
      }),
    );
  });

  it('are refused on one coordinator when another value runs under the key on the other', async () => {
    const results = await Promise.all(
      FEW_KEYS.map(async (key) => {
        const write = (client: CoordinatorClient, text: string) =>
          client.writeKeyValue({ tenantId: 't', key, value: Buffer.from(text), idempotencyKey: `of ${key}` });
        const [a, b] = await Promise.allSettled([write(one, 'a'), write(other, 'b')]);
        expect([a.status, b.status].sort()).toEqual(['fulfilled', 'rejected']);
        const [winner, loser] = a.status === 'fulfilled' ? ['a', b] : ['b', a];
        expect(await failureOfCall(Promise.reject((loser as PromiseRejectedResult).reason))).toMatchObject({
          code: 'IDEMPOTENCY_KEY_CONFLICT',
          status: 'AlreadyExists',
        });
        expect(await read(one, key)).toBe(winner);
        return winner;
      }),
    );
    expect(results).toHaveLength(FEW_KEYS.length);
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'double nothing when their coordinator gets a %s between reservation and answer, for longer than the lease',
    async (signal) => {
      const { process } = cluster.coordinator('c1');
      const begun = KEYS.map((key) => keyed(one, key).catch(() => undefined));
      await eventually(async () => (await reservedKeys()).length > 0);
      process.kill(signal);
      if (signal === 'SIGKILL') await process.exited;
      const reserved = await reservedKeys();
      expect(reserved).not.toEqual([]);
      await Promise.all(KEYS.map((key) => plain(other, key)));
      const again = await Promise.all(
        KEYS.map(async (key) => {
          await eventually(() => keyed(other, key));
          return keyed(other, key);
        }),
      );
      expect(again.every(({ isDuplicate }) => isDuplicate)).toBe(true);
      if (signal === 'SIGSTOP') process.kill('SIGCONT');
      await Promise.all(begun);
      // What was reserved keeps its dot, which is older than the later write's.
      for (const key of reserved) expect(await read(other, key), key).toBe('later');
      await Promise.all(KEYS.map((key) => plain(other, key)));
      for (const key of KEYS) expect(await read(other, key), key).toBe('later');
    },
  );
});
