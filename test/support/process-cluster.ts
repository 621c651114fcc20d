import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { eventually } from './eventually.js';
import { type QuorateProcess, startQuorate } from './quorate-process.js';
import { createTestDatabase } from './test-database.js';

export type CoordinatorClient = Client<typeof CoordinatorService>;

export interface NodePart {
  readonly nodeId: string;
  readonly host: string;
  readonly port: number;
  readonly process: QuorateProcess;
}

export interface CoordinatorPart {
  readonly url: string;
  readonly client: CoordinatorClient;
  readonly process: QuorateProcess;
}

/** Storage nodes and coordinators as processes of their own, as on several machines, on a database of their own. */
export class ProcessCluster {
  readonly folder: string;
  readonly databaseUrl: string;
  readonly nodes = new Map<string, NodePart>();
  readonly coordinators = new Map<string, CoordinatorPart>();
  readonly #dropDatabase: () => Promise<void>;

  private constructor(folder: string, databaseUrl: string, dropDatabase: () => Promise<void>) {
    this.folder = folder;
    this.databaseUrl = databaseUrl;
    this.#dropDatabase = dropDatabase;
    writeFileSync(this.secretFile, 'a secret that all of them share\n', { mode: 0o600 });
  }

  /** @param databaseUrl one of the test's own; else a fresh one on the server that all tests share */
  static async make(databaseUrl?: string): Promise<ProcessCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-cluster-'));
    if (databaseUrl !== undefined) return new ProcessCluster(folder, databaseUrl, async () => {});
    const { settings, drop } = await createTestDatabase();
    return new ProcessCluster(folder, settings.url, drop);
  }

  get secretFile(): string {
    return join(this.folder, 'cluster-secret');
  }

  /** Starts a node, or starts it again: on the port that it had unless another is given. */
  async startNode(
    nodeId: string,
    port = this.nodes.get(nodeId)?.port ?? 0,
    args: readonly string[] = [],
  ): Promise<NodePart> {
    const process = startQuorate([
      ...['storage-node', '--id', nodeId, '--listen', `127.0.0.1:${port}`, '--data', join(this.folder, nodeId)],
      ...['--cluster-secret-file', this.secretFile, ...args],
    ]);
    const part = { nodeId, ...(await process.ready), process };
    this.nodes.set(nodeId, part);
    return part;
  }

  async startCoordinator(
    id: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<CoordinatorPart> {
    const port = this.coordinators.has(id) ? Number(new URL(this.coordinator(id).url).port) : 0;
    const process = startQuorate(
      ['coordinator', '--id', id, '--listen', `127.0.0.1:${port}`, '--cluster-secret-file', this.secretFile, ...args],
      { env: { DATABASE_URL: this.databaseUrl, ...env } },
    );
    const { host, port: taken } = await process.ready;
    const url = `http://${host}:${taken}`;
    const transport = createConnectTransport({ baseUrl: url, httpVersion: '2', defaultTimeoutMs: 20_000 });
    const part = { url, client: createClient(CoordinatorService, transport), process };
    this.coordinators.set(id, part);
    return part;
  }

  coordinator(id: string): CoordinatorPart {
    const part = this.coordinators.get(id);
    if (part === undefined) throw new Error(`there is no coordinator ${id}`);
    return part;
  }

  node(nodeId: string): NodePart {
    const part = this.nodes.get(nodeId);
    if (part === undefined) throw new Error(`there is no storage node ${nodeId}`);
    return part;
  }

  /** Three nodes, members, and a coordinator `c1` with these arguments more. */
  async startThree(args: readonly string[] = []): Promise<CoordinatorClient> {
    await Promise.all(['n1', 'n2', 'n3'].map((nodeId) => this.startNode(nodeId)));
    const { client } = await this.startCoordinator('c1', args);
    await this.addNodes(client);
    return client;
  }

  /** Makes every node a member. A disk that stalls at this moment is no test's business. */
  async addNodes(client: CoordinatorClient): Promise<void> {
    for (const { nodeId, host, port } of this.nodes.values()) {
      await eventually(() => client.addStorageNode({ nodeId, host, port }), 30_000);
    }
  }

  /** Ends every process, and removes data and database. */
  async remove(): Promise<void> {
    const parts = [...this.coordinators.values(), ...this.nodes.values()];
    for (const { process } of parts) process.kill('SIGKILL');
    await Promise.all(parts.map(({ process }) => process.exited));
    await this.#dropDatabase();
    await rm(this.folder, { recursive: true, force: true });
  }
}
