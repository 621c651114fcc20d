import { mkdtempSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CoordinatorConfig } from '../../src/config/coordinator-config.js';
import type {
  CLIENT_SETTINGS,
  COORDINATOR_SETTINGS,
  MIGRATE_SETTINGS,
  STORAGE_NODE_SETTINGS,
  UP_SETTINGS,
} from '../../src/config/settings.js';
import type { StorageNodeConfig } from '../../src/config/storage-node-config.js';
import type { UpConfig } from '../../src/config/up-config.js';

/** Holds the secrets' files; whoever imports this removes it in the end. */
export const secretsFolder = mkdtempSync(join(tmpdir(), 'quorate-settings-'));

function secretFile(text: string): string {
  const path = join(secretsFolder, text.replaceAll(' ', '-'));
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return path;
}

/** How one setting is written, and what becomes of it. */
export interface Example<Config> {
  readonly of: (config: Config) => unknown;
  /** A text and its meaning, twice, so that one can stand against the other. */
  readonly one: readonly [text: string, meaning: unknown];
  readonly other: readonly [text: string, meaning: unknown];
  /** What holds without flag and variable; left out for a setting that is required. */
  readonly byDefault?: { readonly is: unknown };
  /** Texts that break the rule, and words of that rule. */
  readonly wrong: readonly string[];
  readonly rule: string;
  /** Another setting without which it is no good, by flag. */
  readonly with?: Readonly<Record<string, string>>;
}
/** The compiler asks for an example of each setting. */
export type Examples<Settings, Config> = Readonly<Record<keyof Settings, Example<Config>>>;

const ADDRESS = { one: 'one.example:1', other: '[::2]:65535', wrong: ['7400', 'host:65536', '::1:1', 'host:', ''] };
const LISTEN = {
  of: ({ host, port }: { readonly host: string; readonly port: number }) => ({ host, port }),
  one: [ADDRESS.one, { host: 'one.example', port: 1 }],
  other: [ADDRESS.other, { host: '::2', port: 65_535 }],
  wrong: ADDRESS.wrong,
  rule: 'must be HOST:PORT',
} as const;
const SECRET = {
  of: ({ clusterSecret }: { readonly clusterSecret: Uint8Array }) => Buffer.from(clusterSecret).toString(),
  one: [secretFile('sixteen bytes ok'), 'sixteen bytes ok'],
  other: [secretFile('another secret than that'), 'another secret than that'],
  wrong: [join(secretsFolder, 'missing')],
  rule: "can't be read: ENOENT",
} as const;
const LOG_LEVEL = {
  of: ({ logLevel }: { readonly logLevel: string }) => logLevel,
  one: ['debug', 'debug'],
  other: ['error', 'error'],
  byDefault: { is: 'info' },
  wrong: ['loud', 'INFO', ''],
  rule: 'must be "debug" or "info" or "warn" or "error"',
} as const;
const FREE_BYTES = {
  of: ({ freeBytesMin }: { readonly freeBytesMin: number }) => freeBytesMin,
  one: ['1048576', 1_048_576],
  other: ['1125899906842624', 1_125_899_906_842_624],
  byDefault: { is: 67_108_864 },
  wrong: ['1048575', '1125899906842625', '0', '64MiB', ''],
  rule: 'must be a whole number from 1048576 to 1125899906842624',
} as const;
const TAKE_OVER = {
  of: ({ takeOver }: { readonly takeOver: string | undefined }) => takeOver,
  one: ['9a3f-1', '9a3f-1'],
  other: ['unknown', 'unknown'],
  byDefault: { is: undefined },
  wrong: ['a b', 'a/b', 'x'.repeat(65), ''],
  rule: 'must be the boot that the refusal names',
} as const;
const DATABASE_URL = {
  one: ['postgres://a:b@host/one', 'postgres://a:b@host/one'],
  other: ['postgresql://host:1/two', 'postgresql://host:1/two'],
  wrong: ['mysql://host/database', 'postgres://host', 'nonsense'],
  rule: 'must be a URL such as postgres://',
} as const;

function count<Config>(of: (config: Config) => unknown, byDefault: unknown, max: number): Example<Config> {
  const wrong = ['0', String(max + 1), '-1', '1.5', '1e1', '0x1', ' 1', 'many', ''];
  const rule = `must be a whole number from 1 to ${max}`;
  return { of, one: ['1', 1], other: [String(max), max], byDefault: { is: byDefault }, wrong, rule };
}
function onOff<Config>(of: (config: Config) => unknown): Example<Config> {
  const wrong = ['yes', 'ON', 'true', ''];
  return {
    of,
    one: ['off', false],
    other: ['on', true],
    byDefault: { is: true },
    wrong,
    rule: 'must be "on" or "off"',
  };
}
function id<Config>(of: (config: Config) => unknown, lengthMax: number): Example<Config> {
  const longest = 'x'.repeat(lengthMax);
  const wrong = ['a b', 'a/b', `${longest}x`, ''];
  return { of, one: ['A-z_0.9', 'A-z_0.9'], other: [longest, longest], wrong, rule: `1 to ${lengthMax} characters` };
}

export const COORDINATOR_EXAMPLES: Examples<typeof COORDINATOR_SETTINGS, CoordinatorConfig> = {
  databaseUrl: { ...DATABASE_URL, of: ({ database }) => database.url },
  databasePrepare: onOff(({ database }) => database.prepare),
  databaseListen: onOff(({ listens }) => listens),
  listen: { ...LISTEN, byDefault: { is: { host: '127.0.0.1', port: 7400 } } },
  advertise: {
    of: ({ advertise }) => advertise,
    one: [ADDRESS.one, ADDRESS.one],
    other: [ADDRESS.other, ADDRESS.other],
    byDefault: { is: '127.0.0.1:7400' },
    wrong: ADDRESS.wrong,
    rule: 'must be HOST:PORT',
  },
  id: {
    ...id(({ coordinatorId }) => coordinatorId, 64),
    byDefault: {
      is: hostname()
        .replaceAll(/[^\w.-]/g, '-')
        .slice(0, 64),
    },
  },
  clusterSecret: SECRET,
  errors: {
    of: ({ rpc }) => rpc.errors,
    one: ['inline', 'inline'],
    other: ['status', 'status'],
    byDefault: { is: 'status' },
    wrong: ['none', ''],
    rule: 'must be "status" or "inline"',
  },
  aliases: {
    of: ({ rpc }) => rpc.aliases.map(({ serviceName, errors }) => `${serviceName} ${errors}`),
    one: ['a.B=inline', ['a.B inline']],
    other: ['C, d.E=status', ['C undefined', 'd.E status']],
    byDefault: { is: ['CoordinatorService undefined', 'proto.CoordinatorService undefined'] },
    wrong: ['a-b', 'A=loud', 'A,', ''],
    rule: 'must be full service names, comma-separated',
  },
  requestTimeout: count(({ rpc }) => rpc.requestTimeoutMs, 5000, 30_000),
  replicaTimeout: count(({ timeouts }) => timeouts.replicaMs, 2000, 600_000),
  twinWait: count(({ timeouts }) => timeouts.twinWaitMs, 3000, 600_000),
  lease: count(({ timeouts }) => timeouts.leaseMs, 10_000, 600_000),
  keyBytes: count(({ limits }) => limits.keyBytesMax, 1024, 1024),
  valueBytes: count(({ limits }) => limits.valueBytesMax, 1_048_576, 4_194_304),
  tlsCert: {
    of: ({ tls }) => tls,
    one: ['a.pem', { certFile: 'a.pem', keyFile: 'a.pem' }],
    other: ['/b.pem', { certFile: '/b.pem', keyFile: '/b.pem' }],
    byDefault: { is: undefined },
    wrong: [''],
    rule: 'must be a file',
  },
  tlsKey: {
    of: ({ tls }) => tls?.keyFile,
    one: ['a.pem', 'a.pem'],
    other: ['/b.pem', '/b.pem'],
    byDefault: { is: 'cert.pem' },
    wrong: [''],
    rule: 'must be a file',
    with: { 'tls-cert-file': 'cert.pem' },
  },
  corsOrigin: {
    of: ({ admitted }) => admitted.origins,
    one: ['https://app.example', ['https://app.example']],
    other: ['http://[::1]:8080, *', ['http://[::1]:8080', '*']],
    byDefault: { is: [] },
    wrong: ['app.example', 'https://app.example/', 'https://app.example/page', 'ftp://app.example', 'null', ''],
    rule: 'must be * or origins such as https://',
  },
  allowedHost: {
    of: ({ admitted }) => admitted.hosts,
    one: ['Store.Example', ['store.example']],
    other: ['[::1],*', ['[::1]', '*']],
    byDefault: { is: [] },
    wrong: ['store.example:7400', 'https://store.example', 'a b', 'a,', ''],
    rule: 'must be * or host names without ports',
  },
  drainDelay: {
    ...count((config: CoordinatorConfig) => config.drainDelayMs, 1000, 600_000),
    one: ['0', 0],
    wrong: ['-1', '600001', '1.5', ''],
    rule: 'must be a whole number from 0 to 600000',
  },
  drainTimeout: count((config) => config.drainTimeoutMs, 10_000, 600_000),
  logLevel: LOG_LEVEL,
};

export const STORAGE_NODE_EXAMPLES: Examples<typeof STORAGE_NODE_SETTINGS, StorageNodeConfig> = {
  id: id(({ nodeId }) => nodeId, 128),
  data: { of: (c) => c.dataFolder, one: ['/a', '/a'], other: ['b', 'b'], wrong: [''], rule: 'must be a folder' },
  listen: { ...LISTEN, byDefault: { is: { host: '127.0.0.1', port: 7500 } } },
  advertise: { ...LISTEN, of: ({ advertise }) => advertise, byDefault: { is: undefined } },
  clusterSecret: SECRET,
  freeBytesMin: FREE_BYTES,
  takeOver: TAKE_OVER,
  logLevel: LOG_LEVEL,
};

export const UP_EXAMPLES: Examples<typeof UP_SETTINGS, UpConfig> = {
  home: {
    of: ({ home }) => home,
    one: ['/a', '/a'],
    other: ['b', resolve('b')],
    byDefault: { is: resolve('.quorate') },
    wrong: [''],
    rule: 'must be a folder',
  },
  listen: { ...LISTEN, byDefault: { is: { host: '127.0.0.1', port: 7400 } } },
  nodes: count(({ nodes }) => nodes, undefined, 32),
  nodePorts: {
    of: ({ nodePorts }) => nodePorts,
    one: ['7001', [7001]],
    other: ['1,65535', [1, 65_535]],
    byDefault: { is: undefined },
    wrong: ['0', '65536', '1,', '1,x', '1e3', '0x10', '7001;7002', ''],
    rule: 'must be ports from 1 to 65535, comma-separated',
  },
  coordinators: count(({ coordinators }) => coordinators, 1, 16),
  databaseUrl: { ...DATABASE_URL, of: ({ databaseUrl }) => databaseUrl, byDefault: { is: undefined } },
  freeBytesMin: FREE_BYTES,
  takeOver: TAKE_OVER,
};

export const SERVER_EXAMPLES: Examples<typeof CLIENT_SETTINGS, { readonly server: string }> = {
  server: {
    of: ({ server }) => server,
    one: ['http://one:1', 'http://one:1'],
    other: ['https://other/', 'https://other'],
    byDefault: { is: 'http://127.0.0.1:7400' },
    wrong: ['localhost:7400', 'ftp://one:1', ''],
    rule: 'must be a URL such as http://',
  },
};

export const MIGRATE_EXAMPLES: Examples<typeof MIGRATE_SETTINGS, { readonly databaseUrl: string }> = {
  databaseUrl: { ...DATABASE_URL, of: ({ databaseUrl }) => databaseUrl },
};
