import { hostname } from 'node:os';
import type { FieldLimits } from '../domain/request-fields.js';
import { DEFAULT_LIMITS } from '../domain/request-fields.js';
import type { Environment } from './env.js';
import { type Flags, SettingReader } from './setting-values.js';
import { COORDINATOR_SETTINGS as SETTINGS } from './settings.js';
import {
  readChoice,
  readCount,
  readDatabaseUrl,
  readFileName,
  readHostPort,
  readHosts,
  readId,
  readOrigins,
  readSecretFile,
  readSwitch,
  showHostPort,
} from './value-shapes.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
type ErrorMode = 'status' | 'inline';

export interface CoordinatorConfig {
  readonly coordinatorId: string;
  readonly host: string;
  readonly port: number;
  /** host:port */
  readonly advertise: string;
  readonly clusterSecret: Uint8Array;
  readonly database: {
    readonly url: string;
    readonly prepare: boolean;
    readonly poolMax: number;
    readonly statementTimeoutMs: number;
  };
  /** Whether the server has LISTEN and NOTIFY. */
  readonly listens: boolean;
  /** Whether the schema is brought up to date at start. */
  readonly migrates: boolean;
  readonly limits: FieldLimits;
  readonly timeouts: { readonly replicaMs: number; readonly twinWaitMs: number; readonly leaseMs: number };
  readonly rpc: {
    readonly errors: ErrorMode;
    readonly aliases: readonly { readonly serviceName: string; readonly errors: ErrorMode | undefined }[];
    readonly requestTimeoutMs: number;
    readonly requestTimeoutMaxMs: number;
  };
  /** Undefined: clear text only. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Origins of web pages, and host names, that are let in besides those of loopback; `*` is all. */
  readonly admitted: { readonly origins: readonly string[]; readonly hosts: readonly string[] };
  readonly drainDelayMs: number;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
}

const DEFAULT_ALIASES = SETTINGS.aliases.byDefault;
const REQUEST_TIMEOUT_MAX_MS = 30_000;
const DEFAULT_LISTEN = { host: '127.0.0.1', port: 7400 };
const DURATION = { min: 1, max: 600_000 };

/** @throws ConfigError */
export function coordinatorConfig(flags: Flags, environment: Environment, migrates: boolean): CoordinatorConfig {
  const reader = new SettingReader(flags, environment);
  const listen = readHostPort(reader, SETTINGS.listen, DEFAULT_LISTEN);
  const advertise = readHostPort(reader, SETTINGS.advertise, listen ?? DEFAULT_LISTEN);
  const ms = (setting: (typeof SETTINGS)[keyof typeof SETTINGS], max = DURATION.max) =>
    readCount(reader, setting, Number(setting.byDefault), { ...DURATION, max });
  return reader.finish({
    ...listen,
    coordinatorId: readId(reader, SETTINGS.id, defaultId(), 64),
    advertise: showHostPort(advertise ?? DEFAULT_LISTEN),
    clusterSecret: readSecretFile(reader, SETTINGS.clusterSecret),
    database: {
      url: readDatabaseUrl(reader, SETTINGS.databaseUrl),
      prepare: readSwitch(reader, SETTINGS.databasePrepare, true),
      poolMax: 4,
      statementTimeoutMs: 5000,
    },
    listens: readSwitch(reader, SETTINGS.databaseListen, true),
    migrates,
    limits: {
      ...DEFAULT_LIMITS,
      keyBytesMax: readCount(reader, SETTINGS.keyBytes, DEFAULT_LIMITS.keyBytesMax, { min: 1, max: 1024 }),
      valueBytesMax: readCount(reader, SETTINGS.valueBytes, DEFAULT_LIMITS.valueBytesMax, { min: 1, max: 4_194_304 }),
    },
    timeouts: {
      replicaMs: ms(SETTINGS.replicaTimeout),
      twinWaitMs: ms(SETTINGS.twinWait),
      leaseMs: ms(SETTINGS.lease),
    },
    rpc: {
      errors: readChoice(reader, SETTINGS.errors, 'status', ['status', 'inline']),
      aliases: readAliases(reader),
      requestTimeoutMs: ms(SETTINGS.requestTimeout, REQUEST_TIMEOUT_MAX_MS),
      requestTimeoutMaxMs: REQUEST_TIMEOUT_MAX_MS,
    },
    tls: readTlsFiles(reader),
    admitted: { origins: readOrigins(reader, SETTINGS.corsOrigin), hosts: readHosts(reader, SETTINGS.allowedHost) },
    drainDelayMs: readCount(reader, SETTINGS.drainDelay, 1000, { min: 0, max: DURATION.max }),
    drainTimeoutMs: ms(SETTINGS.drainTimeout),
    logLevel: readChoice<LogLevel>(reader, SETTINGS.logLevel, 'info', ['debug', 'info', 'warn', 'error']),
  });
}

/** A host name may hold what an id may not. */
function defaultId(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 64) || 'coordinator'
  );
}

function readTlsFiles(reader: SettingReader): CoordinatorConfig['tls'] {
  const [certFile, keyFile] = [readFileName(reader, SETTINGS.tlsCert), readFileName(reader, SETTINGS.tlsKey)];
  if (certFile !== undefined) return { certFile, keyFile: keyFile ?? certFile };
  if (keyFile !== undefined) reader.note(SETTINGS.tlsKey, `needs --${SETTINGS.tlsCert.flag}, too`);
  return undefined;
}

function readAliases(reader: SettingReader): CoordinatorConfig['rpc']['aliases'] {
  const rule = 'full service names, comma-separated, each with =inline or =status behind it or not';
  const understand = (text: string) =>
    text.split(',').map((entry) => {
      const [, serviceName, errors] = /^\s*([A-Za-z_][A-Za-z0-9_.]*)(?:=(inline|status))?\s*$/.exec(entry) ?? [];
      if (serviceName === undefined) throw new Error(rule);
      return { serviceName, errors: errors as ErrorMode | undefined };
    });
  return reader.read(SETTINGS.aliases, understand(DEFAULT_ALIASES), rule, understand);
}
