import type { Environment } from './env.js';
import { KNOWN_VARIABLES, type Setting } from './settings.js';

/** Flags as the command line gave them, by name without dashes. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** Every problem at once, a line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads settings and collects what is wrong with them: a wrong value is a problem that names flag and variable, never
 * a default.
 */
export class SettingReader {
  readonly #flags: Flags;
  readonly #environment: Environment;
  readonly #problems: string[];

  constructor(flags: Flags, environment: Environment) {
    this.#flags = flags;
    this.#environment = environment;
    this.#problems = Object.keys(environment)
      .filter((name) => name.startsWith('QUORATE_') && !KNOWN_VARIABLES.has(name))
      .map((name) => `${name} is no variable of this program; there are ${[...KNOWN_VARIABLES].sort().join(', ')}`);
  }

  /**
   * The flag's value, else the variable's, else the default.
   * @param understand throws, or returns undefined, for a value that breaks the rule
   */
  read<Value>(
    setting: Setting,
    otherwise: Value | undefined,
    rule: string,
    understand: (text: string) => Value | undefined,
  ): Value {
    const text = this.text(setting);
    if (text === undefined) {
      if (otherwise === undefined) this.#problems.push(`${nameOf(setting)} is required: ${setting.meaning}`);
      // A problem was noted, so the value is never used.
      return otherwise as Value;
    }
    const value = tryTo(() => understand(text));
    if (value === undefined) this.#problems.push(`${nameOf(setting)} must be ${rule}, but is ${JSON.stringify(text)}`);
    return value as Value;
  }

  /** As given; an empty variable counts as not set, an empty flag does not. */
  text({ flag, variable }: Setting): string | undefined {
    const given = flag === undefined ? undefined : this.#flags[flag];
    if (given !== undefined) return given;
    return variable === undefined ? undefined : this.#environment[variable] || undefined;
  }

  note(setting: Setting, problem: string): void {
    this.#problems.push(`${nameOf(setting)} ${problem}`);
  }

  /** @throws ConfigError when anything was wrong */
  finish<Config>(config: Config): Config {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
    return config;
  }
}

export function nameOf({ flag, variable }: Setting): string {
  return [flag === undefined ? undefined : `--${flag}`, variable].filter((name) => name !== undefined).join(' / ');
}

function tryTo<Value>(work: () => Value): Value | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
