import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientConfig, migrateConfig } from '../../src/config/client-config.js';
import { coordinatorConfig } from '../../src/config/coordinator-config.js';
import { ConfigError } from '../../src/config/setting-values.js';
import { storageNodeConfig } from '../../src/config/storage-node-config.js';
import { upConfig } from '../../src/config/up-config.js';

let folder: string;
let secretFile: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-config-'));
  secretFile = secretWith('a secret that is long enough', 0o600);
});
afterAll(() => rmSync(folder, { recursive: true }));

function secretWith(text: string, mode: number): string {
  const path = join(folder, `secret-${text.length}-${mode}`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const URL = 'postgres://user:password@host:5432/database';
const coordinator = (flags: Record<string, string> = {}, environment: Record<string, string> = {}) =>
  coordinatorConfig({ 'database-url': URL, 'cluster-secret-file': secretFile, ...flags }, environment, true);
const node = (flags: Record<string, string> = {}, environment: Record<string, string> = {}) =>
  storageNodeConfig({ id: 'n1', data: '/data', 'cluster-secret-file': secretFile, ...flags }, environment);
const problems = (work: () => unknown): readonly string[] => {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return expect.fail('nothing was wrong with it');
};

describe('the configuration', () => {
  it('takes a flag, else a variable, else the default', () => {
    expect(coordinator()).toMatchObject({ host: '127.0.0.1', port: 7400, advertise: '127.0.0.1:7400', listens: true });
    expect(coordinator({}, { QUORATE_LISTEN: '0.0.0.0:1' })).toMatchObject({ host: '0.0.0.0', port: 1 });
    expect(coordinator({ listen: '[::1]:2' }, { QUORATE_LISTEN: '0.0.0.0:1' })).toMatchObject({ host: '::1', port: 2 });
    expect(coordinator({}, { QUORATE_LISTEN: '' })).toMatchObject({ port: 7400 });
  });

  it('has the defaults that are documented', () => {
    const { limits, timeouts, rpc, database } = coordinator();
    expect(limits).toEqual({
      idLengthMax: 128,
      keyBytesMax: 1024,
      valueBytesMax: 1_048_576,
      idempotencyKeyBytesMax: 256,
    });
    expect(timeouts).toEqual({ replicaMs: 2000, twinWaitMs: 3000, leaseMs: 10_000 });
    expect(rpc).toMatchObject({ errors: 'status', requestTimeoutMs: 5000, requestTimeoutMaxMs: 30_000 });
    expect(rpc.aliases.map(({ serviceName }) => serviceName)).toEqual([
      'CoordinatorService',
      'proto.CoordinatorService',
    ]);
    expect(database).toMatchObject({ url: URL, prepare: true });
    expect(node()).toMatchObject({
      nodeId: 'n1',
      dataFolder: '/data',
      host: '127.0.0.1',
      port: 7500,
      advertise: undefined,
    });
    expect(upConfig({}, {})).toMatchObject({ port: 7400, nodes: undefined, coordinators: 1, databaseUrl: undefined });
    expect(clientConfig({}, {})).toEqual({ server: 'http://127.0.0.1:7400' });
  });

  it('understands every setting of a coordinator', () => {
    const config = coordinator({
      id: 'c.1',
      advertise: 'public:443',
      'database-prepare': 'off',
      'database-listen': 'off',
      'service-aliases': 'a.B=inline, C',
      errors: 'inline',
      'request-timeout-ms': '100',
      'lease-ms': '7',
      'key-bytes-max': '10',
      'value-bytes-max': '20',
      'log-level': 'warn',
    });
    expect(config).toMatchObject({
      coordinatorId: 'c.1',
      advertise: 'public:443',
      listens: false,
      database: { prepare: false },
      limits: { keyBytesMax: 10, valueBytesMax: 20 },
      timeouts: { leaseMs: 7 },
      rpc: {
        errors: 'inline',
        requestTimeoutMs: 100,
        aliases: [
          { serviceName: 'a.B', errors: 'inline' },
          { serviceName: 'C', errors: undefined },
        ],
      },
      logLevel: 'warn',
    });
  });

  it.each([
    ['listen', '7400', '--listen / QUORATE_LISTEN must be HOST:PORT'],
    ['listen', 'host:70000', '--listen / QUORATE_LISTEN must be HOST:PORT'],
    ['listen', '', '--listen / QUORATE_LISTEN must be HOST:PORT'],
    ['id', 'a b', '--id / QUORATE_COORDINATOR_ID must be 1 to 64 characters'],
    ['id', 'x'.repeat(65), '--id / QUORATE_COORDINATOR_ID must be 1 to 64 characters'],
    ['database-url', 'mysql://host/db', '--database-url / DATABASE_URL must be a URL such as postgres://'],
    ['database-url', 'nonsense', '--database-url / DATABASE_URL must be a URL such as postgres://'],
    ['database-prepare', 'yes', '--database-prepare / DATABASE_PREPARE must be "on" or "off"'],
    ['errors', 'none', '--errors / QUORATE_ERRORS must be "status" or "inline"'],
    ['service-aliases', 'a-b', '--service-aliases / QUORATE_SERVICE_ALIASES must be full service names'],
    [
      'request-timeout-ms',
      '0',
      '--request-timeout-ms / QUORATE_REQUEST_TIMEOUT_MS must be a whole number from 1 to 30000',
    ],
    ['request-timeout-ms', '1.5', '--request-timeout-ms / QUORATE_REQUEST_TIMEOUT_MS must be a whole number'],
    ['key-bytes-max', '1025', '--key-bytes-max / QUORATE_KEY_BYTES_MAX must be a whole number from 1 to 1024'],
    ['value-bytes-max', '1e3', '--value-bytes-max / QUORATE_VALUE_BYTES_MAX must be a whole number'],
    ['log-level', 'loud', '--log-level / QUORATE_LOG_LEVEL must be "debug" or "info" or "warn" or "error"'],
  ])('refuses --%s %j, naming flag, variable and rule', (flag, value, problem) => {
    const found = problems(() => coordinator({ [flag]: value }));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
    expect(found[0]).toContain(`but is ${JSON.stringify(value)}`);
  });

  it('refuses a wrong variable as it does a wrong flag', () => {
    expect(problems(() => coordinator({}, { QUORATE_LEASE_MS: 'long' }))[0]).toContain('--lease-ms / QUORATE_LEASE_MS');
  });

  it('names everything that is wrong at once, what is required and a variable that is misspelt', () => {
    const found = problems(() => coordinatorConfig({ errors: 'x', listen: 'y' }, { QUORATE_LISTNE: ':1' }, true));
    for (const part of [
      'QUORATE_LISTNE is no variable',
      '--errors',
      '--listen',
      'DATABASE_URL is required',
      'QUORATE_CLUSTER_SECRET_FILE is required',
    ]) {
      expect(found.join('\n')).toContain(part);
    }
    expect(found).toHaveLength(5);
    expect(problems(() => storageNodeConfig({}, {}))).toHaveLength(3);
    expect(problems(() => migrateConfig({}, {}))).toHaveLength(1);
  });

  it('takes a secret that only its owner may read, and that is long enough', () => {
    expect(Buffer.from(coordinator().clusterSecret).toString()).toBe('a secret that is long enough');
    const wrong = (path: string) => problems(() => node({ 'cluster-secret-file': path }))[0];
    for (const mode of [0o644, 0o640, 0o604, 0o620, 0o601]) {
      expect(wrong(secretWith('a secret that others know', mode))).toContain('chmod 600');
    }
    expect(node({ 'cluster-secret-file': secretWith('only ever read by us', 0o400) }).clusterSecret).toHaveLength(20);
    expect(wrong(secretWith('fifteen bytes !\n', 0o600))).toContain('must hold 16 bytes at least');
    expect(wrong(secretWith('short', 0o600))).toContain('must hold 16 bytes at least');
    expect(wrong(join(folder, 'missing'))).toContain("can't be read: ENOENT");
  });

  it('checks what belongs together', () => {
    expect(problems(() => upConfig({ listen: '127.0.0.1:0' }, {}))[0]).toContain('must name a port');
    expect(problems(() => upConfig({ listen: '127.0.0.1:65535', coordinators: '2' }, {}))[0]).toContain(
      'leaves no ports',
    );
    expect(problems(() => upConfig({ nodes: '0', 'node-ports': '1,x' }, {}))).toHaveLength(2);
    expect(upConfig({ nodes: '2', 'node-ports': '7001,7002' }, {})).toMatchObject({
      nodes: 2,
      nodePorts: [7001, 7002],
    });
    expect(problems(() => clientConfig({ server: 'localhost:7400' }, {}))[0]).toContain('--server / QUORATE_SERVER');
  });
});
