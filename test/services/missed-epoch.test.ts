import { beforeEach, describe, expect, it } from 'vitest';
import type { QuorateError } from '../../src/domain/errors.js';
import type { Level } from '../../src/domain/level.js';
import { DEFAULT_LIMITS } from '../../src/domain/request-fields.js';
import type { NodesAtEpoch } from '../../src/domain/topology.js';
import { AheadWatch } from '../../src/services/ahead-watch.js';
import { ReadKeyValue } from '../../src/services/read-key-value.js';
import { ReadinessCheck } from '../../src/services/readiness.js';
import { ReplicatedWrite } from '../../src/services/replicated-write.js';
import { Gate } from '../support/gate.js';
import { contextWithin, member, NODE_IDS, type SmallCluster, smallCluster, TENANT } from '../support/small-cluster.js';

const target = { tenant: TENANT, key: Buffer.from('key') };
const value = Buffer.from('value');
const moved = { ...member('c'), host: 'elsewhere' };

describe('a coordinator that missed an epoch', () => {
  let cluster: SmallCluster;
  let writes: ReplicatedWrite;
  let reads: ReadKeyValue;
  let readiness: ReadinessCheck;

  beforeEach(async () => {
    cluster = await smallCluster();
    writes = new ReplicatedWrite({ ...cluster, actor: 'me@1', replicaTimeoutMs: 2000 });
    reads = new ReadKeyValue({ ...cluster, limits: DEFAULT_LIMITS, replicaTimeoutMs: 2000 });
    readiness = new ReadinessCheck({ ...cluster, ahead: new AheadWatch(cluster) });
  });

  const context = (withinMs = 5000) => contextWithin(cluster.clock, withinMs);
  const settle = <Result>(promise: Promise<Result>) => cluster.clock.settle(promise);
  const failure = (promise: Promise<unknown>) =>
    settle(
      promise.then(
        () => expect.fail('it succeeded'),
        (error: unknown) => error as QuorateError,
      ),
    );
  const write = (timestamp: number, withinMs?: number, level: Level = 'quorum') =>
    writes.send(target, { actor: 'me@1', timestamp }, value, level, context(withinMs));
  const read = () => reads.read({ tenantId: TENANT.tenantId, key: 'key', consistency: 'quorum' }, context());
  const poll = () => settle(cluster.topology.poll().catch(() => {}));
  /** Nodes have seen the epoch, in which c has moved; those named tell it. */
  const seen = (epoch: number, tellers: readonly string[] = NODE_IDS) => {
    const topology: NodesAtEpoch = { epoch, nodes: [member('a'), member('b'), moved] };
    for (const id of NODE_IDS) cluster.replicas.node(id).fence = epoch;
    for (const id of tellers) cluster.replicas.node(id).topology = topology;
  };
  const recalls = () =>
    NODE_IDS.flatMap((id) => cluster.replicas.node(id).seen).filter((what) => what === 'recall').length;
  const wentBack = () => cluster.log.lines.filter(({ message }) => message.includes('the metadata went back'));

  it('learns it from a storage node while the store is away, with addresses, and serves inside the request', async () => {
    cluster.storeAway = true;
    seen(2);
    expect(await settle(write(5))).toMatchObject({ replicaCount: 2 });
    expect(await settle(read())).toMatchObject({ value });
    expect(cluster.topology.snapshot.epoch).toBe(2);
    expect(cluster.topology.snapshot.nodes.get('c')).toEqual(moved);
    expect(readiness.current()).toEqual({ ready: true });
  });

  it('asks one node once, however many of its operations are refused', async () => {
    cluster.storeAway = true;
    seen(2);
    await settle(Promise.all(Array.from({ length: 256 }, (_, i) => write(i + 1))));
    expect(recalls()).toBe(1);
  });

  it('asks another node where one does not tell it', async () => {
    cluster.storeAway = true;
    seen(2, ['c']);
    for (const id of NODE_IDS) cluster.topology.heard(id, 2);
    await settle(cluster.topology.reach(2));
    expect(recalls()).toBe(3);
    expect(await settle(write(5))).toMatchObject({ replicaCount: 2 });
  });

  it('learns it without any request, too, and keeps the tenants that it knew', async () => {
    cluster.storeAway = true;
    seen(2);
    cluster.topology.heard('b', 2);
    await cluster.clock.advance(10);
    expect(cluster.topology.snapshot.epoch).toBe(2);
    expect(await settle(cluster.topology.tenant(TENANT.tenantId))).toMatchObject({ tenant: TENANT });
  });

  it('tells its streams of what it learnt before any request uses it', async () => {
    const told: number[] = [];
    cluster.topology.onChange(({ epoch }) => told.push(epoch));
    cluster.storeAway = true;
    seen(2);
    await settle(write(5));
    expect(told).toEqual([2]);
  });

  it('has it confirmed by the store once that is back: what else changed with the epoch is then known', async () => {
    cluster.storeAway = true;
    seen(2);
    await settle(write(5));
    cluster.storeAway = false;
    const tenants = [{ ...TENANT, replicationFactor: 2 }];
    cluster.state = { ...cluster.state, epoch: 2, nodes: [member('a'), member('b'), moved], tenants };
    await poll();
    expect(cluster.topology.snapshot.tenants.get(TENANT.tenantId)).toEqual(tenants[0]);
    const { loads } = cluster;
    await poll();
    expect(cluster.loads).toBe(loads);
    expect(wentBack()).toEqual([]);
  });

  it('keeps it where the store comes back without it, says so once each time, and reads no more than the version', async () => {
    seen(3);
    cluster.storeAway = true;
    await settle(write(5));
    cluster.storeAway = false;
    for (let i = 0; i < 3; i++) await poll();
    expect(cluster.topology.snapshot.epoch).toBe(3);
    expect(wentBack()).toMatchObject([{ level: 'error', fields: { epoch: 3, storeEpoch: 1 } }]);
    expect(cluster.loads).toBe(1);
    expect(await settle(write(6))).toMatchObject({ replicaCount: 2 });
    cluster.state = { ...cluster.state, epoch: 4 };
    await poll();
    cluster.state = { ...cluster.state, epoch: 2 };
    await poll();
    expect(cluster.topology.snapshot.epoch).toBe(4);
    expect(wentBack()).toHaveLength(2);
  });

  it('does not take for a loss what it asked the store before it learnt more', async () => {
    seen(2);
    const gate = new Gate();
    cluster.answersHeld = gate.opened;
    const loaded = cluster.topology.refresh();
    const polled = cluster.topology.poll();
    await settle(write(5));
    expect(cluster.topology.snapshot.epoch).toBe(2);
    cluster.answersHeld = undefined;
    cluster.state = { ...cluster.state, epoch: 2 };
    gate.open();
    await settle(Promise.all([loaded, polled]));
    expect(cluster.topology.snapshot.epoch).toBe(2);
    expect(wentBack()).toEqual([]);
  });

  it('is not ready, and says why, while neither nodes nor store tell it; a first look elsewhere changes nothing', async () => {
    cluster.storeAway = true;
    seen(2, []);
    const error = await failure(write(5, 5000, 'one'));
    expect(error).toMatchObject({ kind: 'metadata_unavailable', outcomeUnknown: false });
    expect(readiness.current()).toEqual({ ready: true });
    await poll();
    const reason =
      'storage nodes have seen epoch 2 of the topology, this coordinator knows 1: ' +
      'neither they nor the metadata store tell it now';
    expect(readiness.current()).toEqual({ ready: false, reason });
    seen(2);
    cluster.topology.heard('a', 2);
    await cluster.clock.advance(10);
    expect(readiness.current()).toEqual({ ready: true });
  });

  it('ends a request by its deadline, whatever nodes and store are waited for', async () => {
    cluster.storeAway = true;
    seen(2);
    cluster.replicas.onFenced = (nodeId, epoch) => {
      for (const id of NODE_IDS) cluster.replicas.node(id).conduct = 'deaf';
      cluster.topology.heard(nodeId, epoch);
    };
    const startMs = cluster.clock.monotonicMs();
    expect(await failure(write(5, 30, 'one'))).toMatchObject({ kind: 'deadline_exceeded', outcomeUnknown: false });
    expect(cluster.clock.monotonicMs() - startMs).toBe(30);
  });

  it('asks at most four nodes that stall, half a second each, before it turns to the store', async () => {
    cluster = await smallCluster(['a', 'b', 'c', 'd', 'e', 'f']);
    for (const [id, node] of cluster.replicas.nodes) {
      node.conduct = 'deaf';
      cluster.topology.heard(id, 2);
    }
    cluster.state = { ...cluster.state, epoch: 2 };
    const startMs = cluster.clock.monotonicMs();
    await settle(cluster.topology.reach(2));
    expect(cluster.clock.monotonicMs() - startMs).toBe(2000);
  });
});

describe('a refusal by a node that has not seen the epoch of the plan yet', () => {
  it.each([
    [
      'write',
      (writes: ReplicatedWrite, cluster: SmallCluster) => {
        const dot = { actor: 'me@1', timestamp: 5 };
        return writes.send(target, dot, value, 'one', contextWithin(cluster.clock, 5000));
      },
    ],
    [
      'question',
      (writes: ReplicatedWrite, cluster: SmallCluster) =>
        writes.takeDot(target, 'one', contextWithin(cluster.clock, 5000)),
    ],
  ] as const)('is no reason to plan a %s anew', async (_what, run) => {
    const cluster = await smallCluster();
    const writes = new ReplicatedWrite({ ...cluster, actor: 'me@1', replicaTimeoutMs: 2000 });
    for (const id of NODE_IDS) cluster.replicas.node(id).conduct = 'untold';
    const error = await cluster.clock.settle(
      Promise.resolve(run(writes, cluster)).then(
        () => expect.fail('it succeeded'),
        (failure: unknown) => failure,
      ),
    );
    expect(error).toMatchObject({ kind: 'quorum_not_reached', outcomeUnknown: false });
    expect(String(error)).toContain('was not told epoch 1 yet');
    expect(cluster.replicas.node('a').seen).toHaveLength(1);
  });
});
