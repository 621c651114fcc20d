import type { Command } from 'commander';
import type { Flags } from '../config/setting-values.js';
import type { Setting } from '../config/settings.js';

/** Gives the command a flag for each setting; --help shows its variable and default, too. */
export function withSettings(command: Command, settings: Readonly<Record<string, Setting>>): Command {
  for (const { flag, variable, shape, byDefault, meaning } of Object.values(settings)) {
    if (flag === undefined) continue;
    const facts = [
      ...(variable === undefined ? [] : [`env ${variable}`]),
      ...(byDefault === undefined ? ['required'] : byDefault === '' ? [] : [`default ${byDefault}`]),
    ];
    command.option(`--${flag} <${shape}>`, `${meaning} (${facts.join(', ')})`);
  }
  return command;
}

/** What commander collected, by flag name. */
export function flagsOf(command: Command, settings: Readonly<Record<string, Setting>>): Flags {
  const options: Readonly<Record<string, unknown>> = command.optsWithGlobals();
  const flags: Record<string, string | undefined> = {};
  for (const { flag } of Object.values(settings)) {
    if (flag === undefined) continue;
    const value = options[flag.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    flags[flag] = typeof value === 'string' ? value : undefined;
  }
  return flags;
}
