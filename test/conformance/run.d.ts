import type { SpawnSyncReturns } from 'node:child_process';

export const NEEDED: string;
export function findRunner(): string | undefined;
export function runConformance(runner: string, args?: readonly string[]): Promise<SpawnSyncReturns<string>>;
