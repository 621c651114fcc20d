import type { LogLevel } from './coordinator-config.js';
import type { Environment } from './env.js';
import { type Flags, SettingReader } from './setting-values.js';
import { STORAGE_NODE_SETTINGS as SETTINGS } from './settings.js';
import {
  type HostPort,
  readBoot,
  readChoice,
  readFreeBytes,
  readHostPort,
  readId,
  readSecretFile,
} from './value-shapes.js';

export interface StorageNodeConfig {
  readonly nodeId: string;
  readonly dataFolder: string;
  readonly host: string;
  readonly port: number;
  /** Undefined: the listen address. */
  readonly advertise: HostPort | undefined;
  readonly clusterSecret: Uint8Array;
  /** Below this much free space of the data folder's disk no writes are taken. */
  readonly freeBytesMin: number;
  /** The boot whose lock on the data folder is taken over. */
  readonly takeOver: string | undefined;
  readonly logLevel: LogLevel;
}

/** @throws ConfigError */
export function storageNodeConfig(flags: Flags, environment: Environment): StorageNodeConfig {
  const reader = new SettingReader(flags, environment);
  const listen = readHostPort(reader, SETTINGS.listen, { host: '127.0.0.1', port: 7500 });
  const advertised = reader.text(SETTINGS.advertise) !== undefined;
  return reader.finish({
    ...listen,
    nodeId: readId(reader, SETTINGS.id, undefined, 128),
    dataFolder: reader.read(SETTINGS.data, undefined, 'a folder', (text) => text || undefined),
    advertise: advertised ? readHostPort(reader, SETTINGS.advertise, undefined) : undefined,
    clusterSecret: readSecretFile(reader, SETTINGS.clusterSecret),
    freeBytesMin: readFreeBytes(reader, SETTINGS.freeBytesMin),
    takeOver: readBoot(reader, SETTINGS.takeOver),
    logLevel: readChoice<LogLevel>(reader, SETTINGS.logLevel, 'info', ['debug', 'info', 'warn', 'error']),
  });
}
