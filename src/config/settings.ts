import { FREE_BYTES_MIN, TAKE_OVER } from './folder-settings.js';

/** One setting: by flag, by environment variable, or by default. This table is what --help and the README show. */
export interface Setting {
  /** The flag's name without dashes; undefined where only the environment sets it. */
  readonly flag: string | undefined;
  readonly variable: string | undefined;
  /** How the value looks in --help. */
  readonly shape: string;
  /** Shown as it is; undefined means required, "" means none. */
  readonly byDefault: string | undefined;
  /** What it does, with its unit and what speaks for more or less. */
  readonly meaning: string;
}

const CLUSTER_SECRET: Setting = {
  flag: 'cluster-secret-file',
  variable: 'QUORATE_CLUSTER_SECRET_FILE',
  shape: 'FILE',
  byDefault: undefined,
  meaning: 'file (mode 0600, 16 bytes at least) with the secret that coordinators and storage nodes share',
};

const LOG_LEVEL: Setting = {
  flag: 'log-level',
  variable: 'QUORATE_LOG_LEVEL',
  shape: 'LEVEL',
  byDefault: 'info',
  meaning: 'debug, info, warn or error: the least that is logged, as JSON lines on standard error',
};

/** Settings that `up` hands on to the coordinators that it starts. */
const COORDINATOR_TUNING = {
  errors: {
    flag: 'errors',
    variable: 'QUORATE_ERRORS',
    shape: 'MODE',
    byDefault: 'status',
    meaning: 'status: failing calls end with a gRPC status; inline: with an OK answer whose success is false',
  },
  aliases: {
    flag: 'service-aliases',
    variable: 'QUORATE_SERVICE_ALIASES',
    shape: 'NAMES',
    byDefault: 'CoordinatorService,proto.CoordinatorService',
    meaning: 'further names of the service, comma-separated; NAME=inline or NAME=status sets how its errors look',
  },
  requestTimeout: {
    flag: 'request-timeout-ms',
    variable: 'QUORATE_REQUEST_TIMEOUT_MS',
    shape: 'MS',
    byDefault: '5000',
    meaning: 'time for a request that sets none itself; a client may ask for up to 30 s',
  },
  replicaTimeout: {
    flag: 'replica-timeout-ms',
    variable: 'QUORATE_REPLICA_TIMEOUT_MS',
    shape: 'MS',
    byDefault: '2000',
    meaning: 'time for one operation on one storage node; less fails sooner, more bears slower disks',
  },
  twinWait: {
    flag: 'twin-wait-ms',
    variable: 'QUORATE_TWIN_WAIT_MS',
    shape: 'MS',
    byDefault: '3000',
    meaning: 'how long a request waits for a running one with the same idempotency key',
  },
  lease: {
    flag: 'lease-ms',
    variable: 'QUORATE_LEASE_MS',
    shape: 'MS',
    byDefault: '10000',
    meaning: 'how long a crashed coordinator keeps an idempotency key from being taken over',
  },
  keyBytes: {
    flag: 'key-bytes-max',
    variable: 'QUORATE_KEY_BYTES_MAX',
    shape: 'BYTES',
    byDefault: '1024',
    meaning: 'the longest key, in bytes of UTF-8; 1024 at most',
  },
  valueBytes: {
    flag: 'value-bytes-max',
    variable: 'QUORATE_VALUE_BYTES_MAX',
    shape: 'BYTES',
    byDefault: '1048576',
    meaning: 'the longest value in bytes; 4194304 at most, as values are held in memory on their way',
  },
  tlsCert: {
    flag: 'tls-cert-file',
    variable: 'QUORATE_TLS_CERT_FILE',
    shape: 'FILE',
    byDefault: '',
    meaning:
      'PEM file with the certificate chain: with it the port answers TLS, too; a renewed file is taken up within seconds',
  },
  tlsKey: {
    flag: 'tls-key-file',
    variable: 'QUORATE_TLS_KEY_FILE',
    shape: 'FILE',
    byDefault: 'the certificate file',
    meaning: "PEM file with the certificate's private key",
  },
  corsOrigin: {
    flag: 'cors-origin',
    variable: 'QUORATE_CORS_ORIGIN',
    shape: 'ORIGINS',
    byDefault: '',
    meaning:
      'origins of web pages that may call, comma-separated, or *; pages on localhost always may while the listen address is on loopback',
  },
  allowedHost: {
    flag: 'allowed-host',
    variable: 'QUORATE_ALLOWED_HOST',
    shape: 'HOSTS',
    byDefault: '',
    meaning:
      'further host names that clients may use while the listen address is on loopback, comma-separated, or *; others are refused, as DNS may be made to lie',
  },
} as const satisfies Record<string, Setting>;

export const COORDINATOR_SETTINGS = {
  databaseUrl: {
    flag: 'database-url',
    variable: 'DATABASE_URL',
    shape: 'URL',
    byDefault: undefined,
    meaning: 'the PostgreSQL that the coordinators share: postgres://user:password@host:port/database',
  },
  databasePrepare: {
    flag: 'database-prepare',
    variable: 'DATABASE_PREPARE',
    shape: 'on|off',
    byDefault: 'on',
    meaning: 'prepared statements; off behind a transaction pooler, at some cost in speed',
  },
  databaseListen: {
    flag: 'database-listen',
    variable: 'DATABASE_LISTEN',
    shape: 'on|off',
    byDefault: 'on',
    meaning: 'LISTEN and NOTIFY, so that changes are seen at once; off where the server has none: polling alone does',
  },
  listen: {
    flag: 'listen',
    variable: 'QUORATE_LISTEN',
    shape: 'HOST:PORT',
    byDefault: '127.0.0.1:7400',
    meaning: 'where clients are answered; port 0 means a free one',
  },
  advertise: {
    flag: 'advertise',
    variable: 'QUORATE_ADVERTISE',
    shape: 'HOST:PORT',
    byDefault: '',
    meaning: 'the address that others use, where it is not the listen address',
  },
  id: {
    flag: 'id',
    variable: 'QUORATE_COORDINATOR_ID',
    shape: 'ID',
    byDefault: 'the host name',
    meaning: 'names the coordinator in vector clocks: up to 64 characters of A-Z, a-z, 0-9, ".", "_" and "-"',
  },
  clusterSecret: CLUSTER_SECRET,
  ...COORDINATOR_TUNING,
  drainTimeout: {
    flag: 'drain-timeout-ms',
    variable: 'QUORATE_DRAIN_TIMEOUT_MS',
    shape: 'MS',
    byDefault: '10000',
    meaning: 'how long running calls may finish after SIGTERM',
  },
  drainDelay: {
    flag: 'drain-delay-ms',
    variable: 'QUORATE_DRAIN_DELAY_MS',
    shape: 'MS',
    byDefault: '1000',
    meaning: 'how long /readyz says no after SIGTERM before connections are refused, for load balancers to see it',
  },
  logLevel: LOG_LEVEL,
} as const satisfies Record<string, Setting>;

export const STORAGE_NODE_SETTINGS = {
  id: {
    flag: 'id',
    variable: 'QUORATE_NODE_ID',
    shape: 'ID',
    byDefault: undefined,
    meaning: 'the node_id that AddStorageNode names: 1 to 128 characters of A-Z, a-z, 0-9, ".", "_" and "-"',
  },
  data: {
    flag: 'data',
    variable: 'QUORATE_DATA',
    shape: 'FOLDER',
    byDefault: undefined,
    meaning: "the data folder; made when it is missing, and this node's alone",
  },
  listen: {
    flag: 'listen',
    variable: 'QUORATE_LISTEN',
    shape: 'HOST:PORT',
    byDefault: '127.0.0.1:7500',
    meaning: 'where coordinators are answered; port 0 means a free one',
  },
  advertise: {
    flag: 'advertise',
    variable: 'QUORATE_ADVERTISE',
    shape: 'HOST:PORT',
    byDefault: '',
    meaning: 'the address to give to AddStorageNode, where it is not the listen address; shown at start',
  },
  clusterSecret: CLUSTER_SECRET,
  freeBytesMin: FREE_BYTES_MIN,
  takeOver: TAKE_OVER,
  logLevel: LOG_LEVEL,
} as const satisfies Record<string, Setting>;

export const UP_SETTINGS = {
  home: {
    flag: 'home',
    variable: 'QUORATE_HOME',
    shape: 'DIR',
    byDefault: '.quorate',
    meaning: 'the folder that holds data, secrets and logs',
  },
  listen: {
    flag: 'listen',
    variable: 'QUORATE_LISTEN',
    shape: 'HOST:PORT',
    byDefault: '127.0.0.1:7400',
    meaning: 'where clients are answered; further coordinators take the ports after it',
  },
  nodes: {
    flag: 'nodes',
    variable: 'QUORATE_NODES',
    shape: 'N',
    byDefault: '3, or as many as the home has',
    meaning: 'storage nodes, 1 to 32; fixed once the home exists',
  },
  nodePorts: {
    flag: 'node-ports',
    variable: 'QUORATE_NODE_PORTS',
    shape: 'PORTS',
    byDefault: 'free ones',
    meaning: "the storage nodes' ports, comma-separated, as many as there are nodes",
  },
  coordinators: {
    flag: 'coordinators',
    variable: 'QUORATE_COORDINATORS',
    shape: 'N',
    byDefault: '1',
    meaning: 'coordinators, 1 to 16',
  },
  databaseUrl: {
    flag: 'database-url',
    variable: 'DATABASE_URL',
    shape: 'URL',
    byDefault: '',
    meaning: "a PostgreSQL that runs already; without it a real one is started from npm's binaries",
  },
  freeBytesMin: FREE_BYTES_MIN,
  takeOver: TAKE_OVER,
} as const satisfies Record<string, Setting>;

export const MIGRATE_SETTINGS = { databaseUrl: COORDINATOR_SETTINGS.databaseUrl } as const;

export const CLIENT_SETTINGS = {
  server: {
    flag: 'server',
    variable: 'QUORATE_SERVER',
    shape: 'URL',
    byDefault: 'http://127.0.0.1:7400',
    meaning: 'a coordinator',
  },
} as const satisfies Record<string, Setting>;

/** Every variable of ours: another one that begins with QUORATE_ is a misspelt setting. */
export const KNOWN_VARIABLES: ReadonlySet<string> = new Set(
  [COORDINATOR_SETTINGS, STORAGE_NODE_SETTINGS, UP_SETTINGS, CLIENT_SETTINGS].flatMap((settings) =>
    Object.values<Setting>(settings).flatMap(({ variable }) => variable ?? []),
  ),
);
