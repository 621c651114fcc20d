import { afterEach, describe, expect, it } from 'vitest';
import {
  CLIENT_SETTINGS,
  COORDINATOR_SETTINGS,
  MIGRATE_SETTINGS,
  type Setting,
  STORAGE_NODE_SETTINGS,
  UP_SETTINGS,
} from '../../src/config/settings.js';
import { killAll, runQuorate } from '../support/quorate-process.js';

afterEach(killAll);

describe('the command line', () => {
  it.each([
    ['up', UP_SETTINGS],
    ['coordinator', COORDINATOR_SETTINGS],
    ['storage-node', STORAGE_NODE_SETTINGS],
    ['migrate', MIGRATE_SETTINGS],
    ['rotate-sealing-secret', MIGRATE_SETTINGS],
    ['kv get', CLIENT_SETTINGS],
    ['kv put', CLIENT_SETTINGS],
    ['tenant create', CLIENT_SETTINGS],
    ['tenant get', CLIENT_SETTINGS],
    ['node list', CLIENT_SETTINGS],
  ])('%s --help shows every flag with its variable, default and meaning', async (command, settings) => {
    const { code, stdout } = await runQuorate([...command.split(' '), '--help']);
    expect(code).toBe(0);
    const words = stdout.replaceAll(/\s+/g, ' ');
    for (const { flag, variable, meaning, byDefault } of Object.values<Setting>(settings)) {
      expect(words).toContain(`--${flag}`);
      expect(words).toContain(`env ${variable}`);
      expect(words).toContain(meaning);
      expect(words).toContain(byDefault === undefined ? 'required' : byDefault);
    }
  });

  it('lists its commands', async () => {
    const { code, stdout } = await runQuorate(['--help']);
    expect(code).toBe(0);
    for (const command of [
      'up',
      'coordinator',
      'storage-node',
      'migrate',
      'rotate-sealing-secret',
      'kv',
      'tenant',
      'node',
    ])
      expect(stdout).toContain(`  ${command}`);
    expect((await runQuorate(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['up', '--hoem', 'x'], "unknown option '--hoem'"],
    [['kv', 'get', 'demo'], "missing required argument 'key'"],
    [['tenant', 'create', 't', '--replication-factor', 'many'], 'It must be a whole number'],
  ])('exits with 2 and a line for %j', async (args, message) => {
    const { code, stderr } = await runQuorate(args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it.each([
    ['coordinator', ['--database-url / DATABASE_URL', '--cluster-secret-file / QUORATE_CLUSTER_SECRET_FILE']],
    [
      'storage-node',
      ['--id / QUORATE_NODE_ID', '--data / QUORATE_DATA', '--cluster-secret-file / QUORATE_CLUSTER_SECRET_FILE'],
    ],
    ['migrate', ['--database-url / DATABASE_URL']],
    ['rotate-sealing-secret', ['--database-url / DATABASE_URL']],
  ])('names every setting that %s lacks, a line each, and exits with 2', async (command, names) => {
    const { code, stdout, stderr } = await runQuorate([command]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(names.length);
    for (const name of names) expect(lines).toContainEqual(expect.stringContaining(`quorate: ${name} is required`));
  });

  it('names a wrong flag, a wrong variable and a misspelt one together, before anything is started', async () => {
    const env = { QUORATE_COORDINATORS: '17', QUORATE_HOEM: 'x' };
    const { code, stdout, stderr } = await runQuorate(['up', '--nodes', '0'], { env });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const problem of [
      '--nodes / QUORATE_NODES must be a whole number from 1 to 32, but is "0"',
      '--coordinators / QUORATE_COORDINATORS must be a whole number from 1 to 16, but is "17"',
      'QUORATE_HOEM is no variable of this program',
    ]) {
      expect(stderr).toContain(`quorate: ${problem}`);
    }
  });

  it.each([
    [['kv', 'get', 'demo', 'k', '--server', 'http://127.0.0.1:1']],
    [['node', 'list', '--server', 'http://127.0.0.1:1']],
    [['migrate', '--database-url', 'postgres://user:password@127.0.0.1:1/database']],
  ])('says in one line, with exit code 1, that the server of %j can not be reached', async (args) => {
    const { code, stdout, stderr } = await runQuorate(args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^quorate: .*ECONNREFUSED.*\n$/);
    expect(stderr).not.toContain('password');
  });
});
