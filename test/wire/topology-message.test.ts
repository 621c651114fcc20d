import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { type StorageNode, snapshotOf } from '../../src/domain/topology.js';
import { MemberSchema, TopologySchema } from '../../src/gen/storage/v1/storage_pb.js';
import { topologyMessage, topologyOf } from '../../src/wire/topology-message.js';
import { member } from '../support/small-cluster.js';

const byNodeId = (a: StorageNode, b: StorageNode) => (a.nodeId < b.nodeId ? -1 : 1);
const told = (nodes: readonly StorageNode[]) => topologyMessage(snapshotOf({ epoch: 7, nodes, tenants: [] }));

describe('a topology as it is told', () => {
  it('holds each node with its address, data folder and status; the ring has those alone that are active', () => {
    const nodes: StorageNode[] = [
      { ...member('a'), zone: 'z1', virtualNodes: 3 },
      { ...member('b'), status: 'inactive' },
      { ...member('c'), status: 'draining', host: 'c.example' },
    ];
    const message = told(nodes);
    expect(message.members.map(({ nodeId }) => nodeId)).toEqual(['a']);
    const understood = topologyOf(message);
    expect(understood?.epoch).toBe(7);
    expect([...(understood?.nodes ?? [])].sort(byNodeId)).toEqual(nodes);
  });

  it.each([
    ['without addresses, as an earlier release tells it', { nodeId: 'a', virtualNodes: 3 }],
    ['without a data folder', { ...member('a'), status: 2, storeId: '' }],
    ['with a status of a later release', { ...member('a'), status: 99 }],
  ])('is nothing to go by %s', (_what, incomplete) => {
    const members = [...told([member('b')]).members, create(MemberSchema, incomplete)];
    expect(topologyOf(create(TopologySchema, { epoch: 7, members }))).toBeUndefined();
  });

  it('takes 100 bytes a node: a thousand nodes are a tenth of a frame of values', () => {
    const nodes = Array.from({ length: 1000 }, (_, i) => ({
      ...member('a'),
      nodeId: `storage-node-${i}`,
      host: `storage-node-${i}.quorate.svc`,
      zone: 'eu-central-1a',
      storeId: '0123456789abcdef0123456789abcdef',
    }));
    expect(toBinary(TopologySchema, told(nodes)).length / nodes.length).toBeLessThan(130);
  });
});
