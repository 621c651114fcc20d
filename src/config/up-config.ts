import { resolve } from 'node:path';
import type { Environment } from './env.js';
import { type Flags, SettingReader } from './setting-values.js';
import { UP_SETTINGS as SETTINGS } from './settings.js';
import { readBoot, readCount, readDatabaseUrl, readFreeBytes, readHostPort } from './value-shapes.js';

export interface UpConfig {
  /** Absolute. */
  readonly home: string;
  readonly host: string;
  readonly port: number;
  /** Undefined: as many as the home has, or three. */
  readonly nodes: number | undefined;
  /** Undefined: free ones. */
  readonly nodePorts: readonly number[] | undefined;
  readonly coordinators: number;
  /** Undefined: a PostgreSQL is started. */
  readonly databaseUrl: string | undefined;
  /** What each storage node keeps free of its disk. */
  readonly freeBytesMin: number;
  /** The boot whose locks on the home and on the nodes' folders are taken over. */
  readonly takeOver: string | undefined;
  /** Where installed programs are looked for. */
  readonly searchPath: string;
  /** What the parts inherit. */
  readonly environment: Environment;
}

/** @throws ConfigError */
export function upConfig(flags: Flags, environment: Environment): UpConfig {
  const reader = new SettingReader(flags, environment);
  const listen = readHostPort(reader, SETTINGS.listen, { host: '127.0.0.1', port: 7400 });
  const coordinators = readCount(reader, SETTINGS.coordinators, 1, { min: 1, max: 16 });
  if (listen?.port === 0) reader.note(SETTINGS.listen, 'must name a port: clients could not find a free one');
  if ((listen?.port ?? 0) + coordinators - 1 > 65_535) {
    reader.note(SETTINGS.listen, `leaves no ports for ${coordinators} coordinators: they take the ports after it`);
  }
  const isSet = (setting: (typeof SETTINGS)[keyof typeof SETTINGS]) => reader.text(setting) !== undefined;
  const nodes = isSet(SETTINGS.nodes) ? readCount(reader, SETTINGS.nodes, 3, { min: 1, max: 32 }) : undefined;
  const nodePorts = isSet(SETTINGS.nodePorts) ? readPorts(reader) : undefined;
  return reader.finish({
    ...listen,
    home: resolve(reader.read(SETTINGS.home, SETTINGS.home.byDefault, 'a folder', (text) => text || undefined) ?? '.'),
    nodes,
    nodePorts,
    coordinators,
    databaseUrl: isSet(SETTINGS.databaseUrl) ? readDatabaseUrl(reader, SETTINGS.databaseUrl) : undefined,
    freeBytesMin: readFreeBytes(reader, SETTINGS.freeBytesMin),
    takeOver: readBoot(reader, SETTINGS.takeOver),
    searchPath: environment.PATH ?? '',
    environment,
  });
}

function readPorts(reader: SettingReader): readonly number[] {
  return reader.read(SETTINGS.nodePorts, undefined, 'ports from 1 to 65535, comma-separated', (text) => {
    const entries = text.split(',');
    const ports = entries.map(Number);
    const digitsOnly = entries.every((entry) => /^\d+$/.test(entry));
    return digitsOnly && ports.every((port) => port > 0 && port < 65_536) ? ports : undefined;
  });
}
