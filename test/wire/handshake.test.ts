import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { HelloSchema, WelcomeSchema } from '../../src/gen/storage/v1/storage_pb.js';
import { commonProtocol, handshakeProof, isProof } from '../../src/wire/handshake.js';

const SECRET = Buffer.from('the secret of the cluster');
const hello = create(HelloSchema, {
  protocolMin: 1,
  protocolMax: 1,
  actor: 'c@1',
  nodeId: 'n',
  clusterId: 'x',
  nonce: Buffer.alloc(32, 1),
});
const welcome = create(WelcomeSchema, {
  protocol: 1,
  nodeId: 'n',
  storeId: 's',
  clusterId: 'x',
  nonce: Buffer.alloc(32, 2),
});

it('proves the same thing to both sides, whatever proof the greeting already carries', () => {
  const proof = handshakeProof(SECRET, 'node', hello, welcome);
  expect(isProof(proof, handshakeProof(SECRET, 'node', hello, create(WelcomeSchema, { ...welcome, proof })))).toBe(
    true,
  );
});

it('is another proof for another secret, role or nonce of either side, so that none can be played back', () => {
  const proof = handshakeProof(SECRET, 'node', hello, welcome);
  const others = [
    handshakeProof(Buffer.from('another secret of a cluster'), 'node', hello, welcome),
    handshakeProof(SECRET, 'coordinator', hello, welcome),
    handshakeProof(SECRET, 'node', create(HelloSchema, { ...hello, nonce: Buffer.alloc(32, 3) }), welcome),
    handshakeProof(SECRET, 'node', hello, create(WelcomeSchema, { ...welcome, nonce: Buffer.alloc(32, 3) })),
    handshakeProof(SECRET, 'node', hello, create(WelcomeSchema, { ...welcome, storeId: 'other' })),
    new Uint8Array(0),
  ];
  for (const other of others) expect(isProof(other, proof)).toBe(false);
});

it('speaks the highest protocol version that both sides know', () => {
  expect(commonProtocol(1, 1)).toBe(1);
  expect(commonProtocol(1, 9)).toBe(1);
  expect(commonProtocol(2, 9)).toBeUndefined();
  expect(commonProtocol(0, 0)).toBeUndefined();
});
