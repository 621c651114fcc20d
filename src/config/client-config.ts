import type { Environment } from './env.js';
import { type Flags, SettingReader } from './setting-values.js';
import { CLIENT_SETTINGS as SETTINGS } from './settings.js';
import { readServerUrl } from './value-shapes.js';

export interface ClientConfig {
  readonly server: string;
}

/** @throws ConfigError */
export function clientConfig(flags: Flags, environment: Environment): ClientConfig {
  const reader = new SettingReader(flags, environment);
  return reader.finish({ server: readServerUrl(reader, SETTINGS.server, SETTINGS.server.byDefault) });
}
