import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../support/quorate-process.js';
import type { ClientAdapter, Outcome } from './client-adapter.js';

const PROGRAM = fileURLToPath(new URL('grpcio_client.py', import.meta.url));
const BUF = join(ROOT, 'node_modules/.bin/buf');

/** A Python that has grpcio; Debian's own is not the first on every PATH. */
export function findPython(): string | undefined {
  return ['python3', '/usr/bin/python3'].find(
    (python) => spawnSync(python, ['-c', 'import grpc, google.protobuf']).status === 0,
  );
}

/** One process that calls as it is told, line by line. */
export async function pythonClient(python: string, address: string): Promise<ClientAdapter> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-python-'));
  const descriptors = join(folder, 'descriptors.binpb');
  execFileSync(BUF, ['build', join(ROOT, 'proto'), '-o', descriptors]);
  const child = spawn(python, [PROGRAM, address, descriptors], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async call(rpc, request, headers = {}) {
      child.stdin.write(`${JSON.stringify({ rpc, request, headers })}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the Python client has ended');
      return JSON.parse(value) as Outcome;
    },
    async close() {
      const exited = once(child, 'exit');
      child.stdin.end();
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}
