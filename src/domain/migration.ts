/** Every change of nodes or replication factors is a migration, also one that had nothing to move. */
export type MigrationType = 'node_addition' | 'node_deletion' | 'replication_change';

export type MigrationStatus = 'pending' | 'in_progress' | 'completed' | 'failed' | 'cancelled';

export interface Migration {
  /** A UUID, version 7. */
  readonly migrationId: string;
  readonly type: MigrationType;
  /** Empty for a replication change. */
  readonly nodeId: string;
  /** Empty for a change of nodes. */
  readonly tenantId: string;
  readonly status: MigrationStatus;
  /** Empty before the first phase and after the last. */
  readonly phase: string;
  readonly stalledReason: string;
  readonly errorMessage: string;
  /** Records that the targets have flushed; never falls. */
  readonly keysMigrated: number;
  /** Records that some target lacked when its range was planned, once per target. */
  readonly totalKeys: number;
  readonly bytesMoved: number;
  /** Unix seconds; 0 while pending. */
  readonly startedAt: number;
  /** Unix seconds; when the migration ended, or will by the rate seen. */
  readonly estimatedCompletion: number;
}

/** 0 to 100; 100 only when the migration is completed. */
export function percentageOf({ status, keysMigrated, totalKeys }: Migration): number {
  if (status === 'completed') return 100;
  return totalKeys === 0 ? 0 : Math.min(99.9, (keysMigrated / totalKeys) * 100);
}

/** A change that moved no data, whole the moment it is committed. */
export function completedAtOnce(
  change: Pick<Migration, 'migrationId' | 'type' | 'nodeId' | 'tenantId'>,
  nowSeconds: number,
): Migration {
  return {
    ...change,
    status: 'completed',
    phase: '',
    stalledReason: '',
    errorMessage: '',
    keysMigrated: 0,
    totalKeys: 0,
    bytesMoved: 0,
    startedAt: nowSeconds,
    estimatedCompletion: nowSeconds,
  };
}
