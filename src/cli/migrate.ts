import { Command } from 'commander';
import { DATABASE_DEFAULTS } from '../adapters/postgres/database.js';
import { migrateSchema } from '../adapters/postgres/migrate.js';
import { migrateConfig } from '../config/client-config.js';
import { readEnvironment } from '../config/env.js';
import { MIGRATE_SETTINGS } from '../config/settings.js';
import { flagsOf, withSettings } from './command-settings.js';

export function migrateCommand(): Command {
  const command = new Command('migrate').description(
    "Brings the database's schema up to this release, for coordinators that run with --no-migrate.",
  );
  return withSettings(command, MIGRATE_SETTINGS).action(async (_options: unknown, self: Command) => {
    const { databaseUrl } = migrateConfig(flagsOf(self, MIGRATE_SETTINGS), readEnvironment());
    await migrateSchema({ ...DATABASE_DEFAULTS, url: databaseUrl, applicationName: 'quorate migrate' });
    process.stdout.write('The schema is up to date.\n');
  });
}
