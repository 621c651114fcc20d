import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { SettingReader } from './setting-values.js';
import type { Setting } from './settings.js';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const SECRET_BYTES_MIN = 16;

/** `host:port`; an IPv6 address stands in brackets. */
export function readHostPort(reader: SettingReader, setting: Setting, otherwise: HostPort | undefined): HostPort {
  return reader.read(setting, otherwise, 'HOST:PORT with a port from 0 to 65535, IPv6 in brackets', (text) => {
    const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
    const host = bracketed ?? plain;
    return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
  });
}

/** As it is read: an IPv6 address in brackets. */
export function showHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function readCount(
  reader: SettingReader,
  setting: Setting,
  otherwise: number,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const schema = z.coerce.number().int().min(min).max(max);
  const rule = `a whole number from ${min} to ${max}`;
  return reader.read(setting, otherwise, rule, (text) => (/^\d+$/.test(text) ? schema.parse(text) : undefined));
}

export function readSwitch(reader: SettingReader, setting: Setting, otherwise: boolean): boolean {
  return reader.read(setting, otherwise, '"on" or "off"', (text) => z.enum(['on', 'off']).parse(text) === 'on');
}

export function readChoice<Choice extends string>(
  reader: SettingReader,
  setting: Setting,
  otherwise: Choice,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const rule = choices.map((choice) => `"${choice}"`).join(' or ');
  return reader.read<Choice>(setting, otherwise, rule, (text) => choices.find((choice) => choice === text));
}

export function readId(
  reader: SettingReader,
  setting: Setting,
  otherwise: string | undefined,
  lengthMax: number,
): string {
  const rule = `1 to ${lengthMax} characters of A-Z, a-z, 0-9, ".", "_" and "-"`;
  const schema = z
    .string()
    .max(lengthMax)
    .regex(/^[A-Za-z0-9._-]+$/);
  return reader.read(setting, otherwise, rule, (text) => schema.parse(text));
}

export function readDatabaseUrl(reader: SettingReader, setting: Setting): string {
  const rule = 'a URL such as postgres://user:password@host:5432/database';
  return reader.read(setting, undefined, rule, (text) => {
    const { protocol, pathname } = new URL(text);
    return ['postgres:', 'postgresql:'].includes(protocol) && pathname.length > 1 ? text : undefined;
  });
}

export function readServerUrl(reader: SettingReader, setting: Setting, otherwise: string): string {
  return reader.read(setting, otherwise, 'a URL such as http://127.0.0.1:7400', (text) => {
    const { protocol, origin } = new URL(text);
    return ['http:', 'https:'].includes(protocol) ? origin : undefined;
  });
}

/** Bytes of free space: a MiB lets a node still flush what is no write, a PiB is more than any disk has. */
export function readFreeBytes(reader: SettingReader, setting: Setting): number {
  return readCount(reader, setting, 64 * 1024 ** 2, { min: 1024 ** 2, max: 1024 ** 5 });
}

/** The boot of a host, as a lock names it; undefined when it is not set. */
export function readBoot(reader: SettingReader, setting: Setting): string | undefined {
  const rule = 'the boot that the refusal names';
  return reader.read(setting, '', rule, (text) => (/^[0-9A-Za-z-]{1,64}$/.test(text) ? text : undefined)) || undefined;
}

/** Undefined when it is not set. */
export function readFileName(reader: SettingReader, setting: Setting): string | undefined {
  // A file named "" can't be; here it stands for none.
  return reader.read(setting, '', 'a file', (text) => text || undefined) || undefined;
}

/** Web origins (RFC 6454), as browsers write them, or `*`. */
export function readOrigins(reader: SettingReader, setting: Setting): readonly string[] {
  const rule = '* or origins such as https://app.example:8443, comma-separated';
  return reader.read<readonly string[]>(setting, [], rule, (text) =>
    listOf(text, (entry) => {
      if (entry === '*') return entry;
      const { protocol, origin, href } = new URL(entry);
      const isOrigin = ['http:', 'https:'].includes(protocol) && (href === `${origin}/` || href === origin);
      return isOrigin && !entry.endsWith('/') ? origin : undefined;
    }),
  );
}

/** Host names and addresses without ports, in lower case, or `*`. */
export function readHosts(reader: SettingReader, setting: Setting): readonly string[] {
  const rule = '* or host names without ports, comma-separated';
  return reader.read<readonly string[]>(setting, [], rule, (text) =>
    listOf(text, (entry) =>
      /^(\*|[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/.test(entry) ? entry.toLowerCase() : undefined,
    ),
  );
}

/** Undefined when an entry is. */
function listOf(text: string, understand: (entry: string) => string | undefined): readonly string[] | undefined {
  const entries = text.split(',').map((entry) => understand(entry.trim()));
  return entries.every((entry) => entry !== undefined) ? entries : undefined;
}

/** The secret's bytes without surrounding white space. A file that others may read is no secret. */
export function readSecretFile(reader: SettingReader, setting: Setting): Uint8Array {
  const path = reader.read(setting, undefined, 'a file', (text) => text || undefined);
  if (path === undefined) return new Uint8Array(0);
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) reader.note(setting, `must be readable by its owner only: chmod 600 ${path}`);
    const secret = Buffer.from(readFileSync(path, 'utf8').trim());
    if (secret.length < SECRET_BYTES_MIN) {
      reader.note(setting, `must hold ${SECRET_BYTES_MIN} bytes at least, but ${path} holds ${secret.length}`);
    }
    return secret;
  } catch (error) {
    reader.note(setting, `can't be read: ${(error as NodeJS.ErrnoException).code} ${path}`);
    return new Uint8Array(0);
  }
}
