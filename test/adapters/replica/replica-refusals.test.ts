import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { ReplicaPool } from '../../../src/adapters/replica/replica-pool.js';
import { type StorageNode, snapshotOf } from '../../../src/domain/topology.js';
import {
  type ExchangeRequest,
  ExchangeResponseSchema,
  Failure_Reason,
  WelcomeSchema,
} from '../../../src/gen/storage/v1/storage_pb.js';
import { handshakeProof, NONCE_BYTES, PROTOCOL_MAX } from '../../../src/wire/handshake.js';
import { seededRandom } from '../../support/seeded-random.js';
import { silentLog } from '../../support/silent-log.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { type Acceptor, CALM, type ServerSide, VirtualNetwork } from '../../support/virtual-network.js';

const SECRET = Buffer.from('a secret of this cluster');
const NODE: StorageNode = {
  nodeId: 'n1',
  host: '10.0.0.1',
  port: 7000,
  virtualNodes: 8,
  zone: '',
  status: 'active',
  storeId: 'store',
};

/** A storage node that greets as it should and fails every operation for one reason, or answers none. */
function failing(reason: Failure_Reason | 'silent', { send }: ServerSide): Acceptor {
  const answer = (frame: MessageInitShape<typeof ExchangeResponseSchema>) =>
    send(create(ExchangeResponseSchema, frame));
  const frame = ({ frame: sent }: ExchangeRequest) => {
    if (sent.case === 'hello') {
      const nonce = new Uint8Array(NONCE_BYTES);
      const welcome = create(WelcomeSchema, { protocol: PROTOCOL_MAX, nodeId: 'n1', storeId: 'store', nonce });
      welcome.proof = handshakeProof(SECRET, 'node', sent.value, welcome);
      answer({ frame: { case: 'welcome', value: welcome } });
    } else if (sent.case === 'proof') answer({ frame: { case: 'ready', value: { epoch: 1 } } });
    else if (sent.case === 'batch' && reason !== 'silent') {
      const failure = { case: 'failure', value: { reason, message: 'why not' } } as const;
      const answers = sent.value.operations.map(({ id }) => ({ id, kind: failure }));
      answer({ frame: { case: 'answers', value: { answers } } });
    }
  };
  return { frame, end: () => {}, drained: () => {} };
}

function poolTo(reason: Failure_Reason | 'silent', clock: VirtualClock): ReplicaPool {
  const network = new VirtualNetwork(clock, CALM);
  const run = (callback: () => void) => callback();
  network.listen(NODE, { name: 'n1', alive: true, run }, (connection) => failing(reason, connection));
  const snapshot = snapshotOf({ epoch: 1, nodes: [NODE], tenants: [] });
  const transport = network.transportOf({ name: 'c', alive: true, run });
  const greeting = { actor: 'c@1', clusterId: 'cluster', clusterSecret: SECRET };
  const pool = new ReplicaPool(
    { transport, clock, random: seededRandom(1), log: silentLog, greeting, onNewerEpoch: () => {} },
    snapshot,
  );
  pool.update(snapshot);
  return pool;
}

it('takes a node that lets operations time out for as slow as they waited', async () => {
  const clock = new VirtualClock();
  const pool = poolTo('silent', clock);
  await clock.advance(10);
  const outcomes = Array.from({ length: 4 }, () => pool.ask('n1', 1, clock.monotonicMs() + 500));
  expect(await clock.settle(Promise.all(outcomes))).toContainEqual({ kind: 'failed', reason: 'timed out', sent: true });
  expect(pool.state('n1').p95Ms).toBeGreaterThanOrEqual(500);
  pool.close();
});

it('tells why it would refuse an operation: not while the first connection is on its way, but once it is lost', async () => {
  const clock = new VirtualClock();
  const pool = poolTo('silent', clock);
  expect(pool.refusal('n1')).toBeUndefined();
  expect(pool.refusal('n2')).toBe('the storage node is no member');
  await clock.advance(10);
  expect(pool.refusal('n1')).toBeUndefined();
  await clock.advance(6000);
  expect(pool.refusal('n1')).toBe('it does not answer');
  pool.close();
});

it.each([
  [Failure_Reason.NOT_OWNER, 'not_owner'],
  [Failure_Reason.CORRUPT, 'corrupt'],
  [Failure_Reason.FUTURE_DOT, 'future_dot'],
  [Failure_Reason.MALFORMED, 'malformed'],
  [Failure_Reason.MEMBER, 'member'],
  [Failure_Reason.DISK_FULL, 'disk_full'],
  [Failure_Reason.OVERLOADED, 'overloaded'],
  [Failure_Reason.STORAGE, undefined],
  [Failure_Reason.UNSPECIFIED, undefined],
  [99 as Failure_Reason, undefined],
])(
  'takes failure reason %i for the refusal %s, and one that it does not know for an open outcome',
  async (reason, refusal) => {
    const clock = new VirtualClock();
    const pool = poolTo(reason, clock);
    const result = await clock.settle(pool.ask('n1', 1, 1000));
    pool.close();
    expect(result).toEqual(
      refusal === undefined
        ? { kind: 'failed', reason: 'why not', sent: true }
        : { kind: 'refused', reason: refusal, message: 'why not' },
    );
  },
);
