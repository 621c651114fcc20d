import type { NodeAddress } from './replica-transport.js';

/** What a storage node that is not a member yet showed in its handshake. */
export interface IntroducedNode {
  readonly storeId: string;
}

/** Meets storage nodes that are about to become members. */
export interface ReplicaIntroduction {
  /**
   * Connects, proves the cluster secret in both directions, gives a fresh node the cluster's id, and has it erase the
   * records that its folder holds unless it is a member already.
   * @throws QuorateError foreign_node: nothing answers there, or not as this node of this cluster
   */
  introduce(nodeId: string, address: NodeAddress, isMember: boolean): Promise<IntroducedNode>;
}
