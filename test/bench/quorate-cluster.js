// The product as its processes: a coordinator, three storage nodes and a real PostgreSQL.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { startEmbeddedPostgres } from '../../dist/adapters/postgres/embedded/start-embedded-postgres.js';
import { systemRandom } from '../../dist/adapters/system/system-random.js';
import { PART_FLAGS } from '../../dist/compose/up/child-part.js';
import {
  CoordinatorService,
  ReadKeyValueRequestSchema,
  WriteKeyValueRequestSchema,
} from '../../dist/gen/coordinator/v1/coordinator_pb.js';
import { envelope } from './h2load.js';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TENANT = 'bench';

export const QUORATE_WRITE = `/${CoordinatorService.typeName}/WriteKeyValue`;
export const QUORATE_READ = `/${CoordinatorService.typeName}/ReadKeyValue`;

/** @returns the coordinator's URL, the pids of coordinator and storage nodes, those with PostgreSQL's, and `stop` */
export async function startQuorate(folder) {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o711);
  const secretFile = join(folder, 'cluster-secret');
  writeFileSync(secretFile, 'a secret of this bench', { mode: 0o600 });
  const children = [];
  const start = async (args, env = {}) => {
    const child = spawn(
      process.execPath,
      [...PART_FLAGS, PROGRAM, ...args, '--listen', '127.0.0.1:0', '--cluster-secret-file', secretFile],
      {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      },
    );
    children.push(child);
    const [address] = await once(child, 'message');
    return address;
  };
  const logFile = join(folder, 'postgres.log');
  const postgres = await startEmbeddedPostgres({
    home: folder,
    logFile,
    searchPath: process.env.PATH ?? '',
    random: systemRandom,
  });
  const stop = async () => {
    for (const child of children) {
      if (child.exitCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    await postgres.stop();
  };
  try {
    const coordinator = ['coordinator', '--id', 'c1', '--log-level', 'error'];
    const { host, port } = await start(coordinator, { DATABASE_URL: postgres.url });
    const url = `http://${host}:${port}`;
    const client = createClient(CoordinatorService, createConnectTransport({ baseUrl: url, httpVersion: '2' }));
    for (const nodeId of ['n1', 'n2', 'n3']) {
      const data = join(folder, nodeId);
      const node = await start(['storage-node', '--id', nodeId, '--data', data, '--log-level', 'error']);
      await client.addStorageNode({ nodeId, ...node });
    }
    await client.createTenant({ tenantId: TENANT, replicationFactor: 3 });
    const pids = children.map(({ pid }) => pid);
    return { url, pids, cpuPids: [...pids, postgres.pid], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function writeRequest(key, value) {
  const message = create(WriteKeyValueRequestSchema, { tenantId: TENANT, key, value, consistency: 'quorum' });
  return envelope(toBinary(WriteKeyValueRequestSchema, message));
}

export function readRequest(key) {
  const message = create(ReadKeyValueRequestSchema, { tenantId: TENANT, key, consistency: 'quorum' });
  return envelope(toBinary(ReadKeyValueRequestSchema, message));
}
