import { create } from '@bufbuild/protobuf';
import type { NodeStatus, NodesAtEpoch, StorageNode, TopologySnapshot } from '../domain/topology.js';
import {
  type Member,
  Member_Status,
  MemberSchema,
  type Topology,
  TopologySchema,
} from '../gen/storage/v1/storage_pb.js';

/** What a storage node is told of the topology. */
export function topologyMessage({ epoch, ring, nodes }: TopologySnapshot): Topology {
  const onRing = new Set(ring.members.map(({ nodeId }) => nodeId));
  const members = [...nodes.values()];
  return create(TopologySchema, {
    epoch,
    members: members.filter(({ nodeId }) => onRing.has(nodeId)).map(memberMessage),
    outside: members.filter(({ nodeId }) => !onRing.has(nodeId)).map(memberMessage),
  });
}

/**
 * What a storage node tells of the topology; undefined unless every node of it can be reached by that: a coordinator
 * of an earlier release told the ring alone, one of a later release may tell statuses that this one does not know.
 */
export function topologyOf({ epoch, members, outside }: Topology): NodesAtEpoch | undefined {
  const nodes: StorageNode[] = [];
  for (const { nodeId, host, port, virtualNodes, zone, storeId, status: sent } of [...members, ...outside]) {
    const status = statusOf(sent);
    if (nodeId === '' || host === '' || port === 0 || storeId === '' || status === undefined) return undefined;
    nodes.push({ nodeId, host, port, virtualNodes, zone, status, storeId });
  }
  return { epoch, nodes };
}

function memberMessage({ nodeId, host, port, virtualNodes, zone, storeId, status }: StorageNode): Member {
  return create(MemberSchema, { nodeId, host, port, virtualNodes, zone, storeId, status: STATUSES[status] });
}

const STATUSES: Readonly<Record<NodeStatus, Member_Status>> = {
  inactive: Member_Status.INACTIVE,
  active: Member_Status.ACTIVE,
  draining: Member_Status.DRAINING,
};

function statusOf(sent: Member_Status): NodeStatus | undefined {
  switch (sent) {
    case Member_Status.INACTIVE:
      return 'inactive';
    case Member_Status.ACTIVE:
      return 'active';
    case Member_Status.DRAINING:
      return 'draining';
    default:
      return undefined;
  }
}
