import type { SealingSecret } from '../domain/sealed-key.js';

export interface ClusterIdentity {
  /** Random, made when the cluster's schema was. */
  readonly clusterId: string;
  /** The current secret first. */
  readonly sealingSecrets: readonly SealingSecret[];
}

export interface Heartbeat {
  /** The store's wall clock, Unix milliseconds, to judge this coordinator's by. */
  readonly storeWallMs: number;
  /** False when the same id was started again since: another process goes by it. */
  readonly current: boolean;
}

/** Coordinators and what they share. Every method throws MetadataUnavailableError when the store can't be asked. */
export interface CoordinatorStore {
  /** Registers a start: the incarnation is greater than any given out for the id before. */
  raiseIncarnation(coordinatorId: string, address: string): Promise<number>;

  heartbeat(coordinatorId: string, incarnation: number): Promise<Heartbeat>;

  /** Makes the identity at the cluster's first start. */
  identity(): Promise<ClusterIdentity>;

  /** Makes a new sealing secret the current one; the one before is retired now, those retired for 24 h are removed. */
  rotateSealingSecret(): Promise<void>;
}
