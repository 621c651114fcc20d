import {
  CLIENT_SETTINGS,
  COORDINATOR_SETTINGS,
  MIGRATE_SETTINGS,
  type Setting,
  STORAGE_NODE_SETTINGS,
  UP_SETTINGS,
} from '../../src/config/settings.js';

const COMMANDS: readonly (readonly [string, Readonly<Record<string, Setting>>])[] = [
  ['quorate up', UP_SETTINGS],
  ['quorate coordinator', COORDINATOR_SETTINGS],
  ['quorate storage-node', STORAGE_NODE_SETTINGS],
  ['quorate migrate', MIGRATE_SETTINGS],
  ['quorate kv, tenant, node', CLIENT_SETTINGS],
];

/** The README's configuration chapter, from the one table of settings. */
export function settingsTable(): string {
  return COMMANDS.map(([command, settings]) => {
    const rows = Object.values(settings).map(({ flag, variable, shape, byDefault, meaning }) => {
      const name = [flag && `\`--${flag} ${shape}\``, variable && `\`${variable}\``].filter(Boolean).join(' ');
      return `| ${name} | ${byDefault ?? 'required'} | ${meaning} |`.replaceAll('on|off', 'on\\|off');
    });
    return [`### \`${command}\``, '', '| flag, variable | default | what it does |', '|---|---|---|', ...rows].join(
      '\n',
    );
  }).join('\n\n');
}
