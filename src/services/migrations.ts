import { invalidField, QuorateError } from '../domain/errors.js';
import type { Migration } from '../domain/migration.js';
import type { MigrationStore } from '../ports/migration-store.js';

const ID_LENGTH_MAX = 128;

/** GetMigrationStatus. */
export class Migrations {
  readonly #store: MigrationStore;

  constructor(store: MigrationStore) {
    this.#store = store;
  }

  /** @throws QuorateError invalid_field, migration_not_found, metadata_unavailable */
  async get(migrationId: string): Promise<Migration> {
    if (migrationId === '') throw invalidField('migration_id', 'must not be empty');
    if (migrationId.length > ID_LENGTH_MAX) {
      throw invalidField('migration_id', `must be at most ${ID_LENGTH_MAX} characters`);
    }
    const migration = await this.#store.find(migrationId);
    if (migration === undefined) {
      throw new QuorateError('migration_not_found', `migration "${migrationId}" does not exist`);
    }
    return migration;
  }
}
