import type { Migration } from '../domain/migration.js';

export interface MigrationStore {
  /** @throws MetadataUnavailableError */
  find(migrationId: string): Promise<Migration | undefined>;
}
