import type { Environment } from './env.js';
import { type Flags, SettingReader } from './setting-values.js';
import { CLIENT_SETTINGS, MIGRATE_SETTINGS } from './settings.js';
import { readDatabaseUrl, readServerUrl } from './value-shapes.js';

/** @throws ConfigError */
export function clientConfig(flags: Flags, environment: Environment): { readonly server: string } {
  const reader = new SettingReader(flags, environment);
  const { server } = CLIENT_SETTINGS;
  return reader.finish({ server: readServerUrl(reader, server, server.byDefault) });
}

/** @throws ConfigError */
export function migrateConfig(flags: Flags, environment: Environment): { readonly databaseUrl: string } {
  const reader = new SettingReader(flags, environment);
  return reader.finish({ databaseUrl: readDatabaseUrl(reader, MIGRATE_SETTINGS.databaseUrl) });
}
