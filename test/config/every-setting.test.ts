import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { clientConfig, migrateConfig } from '../../src/config/client-config.js';
import { coordinatorConfig } from '../../src/config/coordinator-config.js';
import { ConfigError, type Flags } from '../../src/config/setting-values.js';
import {
  CLIENT_SETTINGS,
  COORDINATOR_SETTINGS,
  MIGRATE_SETTINGS,
  type Setting,
  STORAGE_NODE_SETTINGS,
  UP_SETTINGS,
} from '../../src/config/settings.js';
import { storageNodeConfig } from '../../src/config/storage-node-config.js';
import { upConfig } from '../../src/config/up-config.js';
import {
  COORDINATOR_EXAMPLES,
  type Examples,
  MIGRATE_EXAMPLES,
  SERVER_EXAMPLES,
  STORAGE_NODE_EXAMPLES,
  secretsFolder,
  UP_EXAMPLES,
} from './setting-examples.js';

afterAll(() => rmSync(secretsFolder, { recursive: true }));

describeSettings('coordinator', COORDINATOR_SETTINGS, COORDINATOR_EXAMPLES, (flags, env) =>
  coordinatorConfig(flags, env, true),
);
describeSettings('storage-node', STORAGE_NODE_SETTINGS, STORAGE_NODE_EXAMPLES, storageNodeConfig);
describeSettings('up', UP_SETTINGS, UP_EXAMPLES, upConfig);
describeSettings('kv, tenant, node', CLIENT_SETTINGS, SERVER_EXAMPLES, clientConfig);
describeSettings('migrate', MIGRATE_SETTINGS, MIGRATE_EXAMPLES, migrateConfig);

function describeSettings<Settings extends Readonly<Record<string, Setting>>, Config>(
  command: string,
  settings: Settings,
  examples: Examples<Settings, Config>,
  read: (flags: Flags, environment: Flags) => Config,
): void {
  const names = Object.keys(settings) as (keyof Settings & string)[];
  describe.each(names)(`quorate ${command}: %s`, (name) => {
    const { flag = '', variable = '' } = settings[name] as Setting;
    const { of, one, other, byDefault, wrong, rule, with: needed } = examples[name];
    // Whatever else is required is there, so that a problem can only be this setting's.
    const required = names.filter((each) => each !== name && examples[each].byDefault === undefined);
    const examplesOf = required.map((each) => [settings[each]?.flag, examples[each].one[0]]);
    const others = { ...Object.fromEntries(examplesOf), ...needed };
    const meaningOf = (flags: Flags, environment: Flags = {}) => of(read({ ...others, ...flags }, environment));
    const problemsOf = (flags: Flags, environment: Flags = {}) => {
      try {
        read({ ...others, ...flags }, environment);
      } catch (error) {
        if (error instanceof ConfigError) return error.problems;
        throw error;
      }
      return [];
    };

    it('is set by its flag, else by its variable', () => {
      expect(meaningOf({ [flag]: one[0] })).toEqual(one[1]);
      expect(meaningOf({}, { [variable]: one[0] })).toEqual(one[1]);
      expect(meaningOf({ [flag]: one[0] }, { [variable]: other[0] })).toEqual(one[1]);
      expect(meaningOf({ [flag]: other[0] }, { [variable]: one[0] })).toEqual(other[1]);
    });

    it(byDefault === undefined ? 'is required' : 'has its default, also when the variable is empty', () => {
      for (const environment of [{}, { [variable]: '' }]) {
        if (byDefault !== undefined) expect(meaningOf({}, environment)).toEqual(byDefault.is);
        else
          expect(problemsOf({}, environment)).toEqual([expect.stringContaining(`--${flag} / ${variable} is required`)]);
      }
    });

    it.each(wrong)('is wrong as %j: one problem names flag, variable and rule', (text) => {
      const problem = expect.stringMatching(new RegExp(`^--${flag} / ${variable} `));
      expect(problemsOf({ [flag]: text })).toEqual([problem]);
      expect(problemsOf({ [flag]: text })[0]).toContain(rule);
      if (text !== '') expect(problemsOf({}, { [variable]: text })).toEqual(problemsOf({ [flag]: text }));
    });
  });
}
