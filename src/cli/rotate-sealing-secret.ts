import { Command } from 'commander';
import { PostgresCoordinatorStore } from '../adapters/postgres/coordinator-store.js';
import { DATABASE_DEFAULTS, Database } from '../adapters/postgres/database.js';
import { systemRandom } from '../adapters/system/system-random.js';
import { migrateConfig } from '../config/client-config.js';
import { readEnvironment } from '../config/env.js';
import { MIGRATE_SETTINGS } from '../config/settings.js';
import { flagsOf, withSettings } from './command-settings.js';

export function rotateSealingSecretCommand(): Command {
  const command = new Command('rotate-sealing-secret').description(
    'Gives the cluster a new secret for the idempotency keys that it issues; those under the old one stay valid for 24 h.',
  );
  return withSettings(command, MIGRATE_SETTINGS).action(async (_options: unknown, self: Command) => {
    const { databaseUrl } = migrateConfig(flagsOf(self, MIGRATE_SETTINGS), readEnvironment());
    const database = new Database({
      ...DATABASE_DEFAULTS,
      url: databaseUrl,
      applicationName: 'quorate rotate-sealing-secret',
    });
    try {
      await new PostgresCoordinatorStore(database, systemRandom).rotateSealingSecret();
    } finally {
      await database.close();
    }
    process.stdout.write('The cluster has a new sealing secret.\n');
  });
}
