import { afterEach, describe, expect, it } from 'vitest';
import { COORDINATOR_SETTINGS, type Setting, STORAGE_NODE_SETTINGS, UP_SETTINGS } from '../../src/config/settings.js';
import { killAll, runQuorate } from '../support/quorate-process.js';

afterEach(killAll);

describe('the command line', () => {
  it.each([
    ['up', UP_SETTINGS],
    ['coordinator', COORDINATOR_SETTINGS],
    ['storage-node', STORAGE_NODE_SETTINGS],
  ])('%s --help shows every flag with its variable, default and meaning', async (command, settings) => {
    const { code, stdout } = await runQuorate([command, '--help']);
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

  it('names every setting that a coordinator lacks, and exits with 2', async () => {
    const { code, stderr } = await runQuorate(['coordinator']);
    expect(code).toBe(2);
    expect(stderr).toContain('DATABASE_URL is required');
    expect(stderr).toContain('--cluster-secret-file');
    expect(stderr).not.toContain('    at ');
  });

  it('says in one line, with exit code 1, that a server can not be reached', async () => {
    const { code, stdout, stderr } = await runQuorate(['kv', 'get', 'demo', 'k', '--server', 'http://127.0.0.1:1']);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^quorate: .*ECONNREFUSED.*\n$/);
  });
});
