import { eq, placeholder } from 'drizzle-orm';
import { validate } from 'uuid';
import type { Migration } from '../../domain/migration.js';
import type { MigrationStore } from '../../ports/migration-store.js';
import type { Database } from './database.js';
import { migrationOf } from './migration-row.js';
import { migrations } from './schema/migrations.js';

export class PostgresMigrationStore implements MigrationStore {
  readonly #database: Database;
  readonly #find: ReturnType<typeof prepareFind>;

  constructor(database: Database) {
    this.#database = database;
    this.#find = prepareFind(database);
  }

  async find(migrationId: string): Promise<Migration | undefined> {
    // PostgreSQL would refuse the comparison with anything else.
    if (!validate(migrationId)) return undefined;
    const [row] = await this.#database.run(() => this.#find.execute({ migrationId }));
    return row === undefined ? undefined : migrationOf(row);
  }
}

function prepareFind({ drizzle }: Database) {
  const wanted = eq(migrations.migrationId, placeholder('migrationId'));
  return drizzle.select().from(migrations).where(wanted).prepare('quorate_find_migration');
}
