import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../adapters/postgres/embedded/start-embedded-postgres.js';
import { acquireFolderLock } from '../../adapters/system/folder-lock.js';
import { systemRandom } from '../../adapters/system/system-random.js';
import type { UpConfig } from '../../config/up-config.js';
import { AddressUnavailableError } from '../../ports/address-unavailable.js';
import { type ChildPart, startChildPart } from './child-part.js';
import { type Home, makeHome, openHome } from './home.js';
import { awaitLeftOverParts, recordPart } from './left-over-parts.js';
import { LogRotation } from './log-rotation.js';
import { type NodeAtAddress, prepareCluster } from './prepare-cluster.js';
import { type RunningPart, SupervisedPart } from './supervised-part.js';

export interface RunningCluster {
  readonly home: Home;
  /** The coordinators' addresses for clients. */
  readonly urls: readonly string[];
  /** Where PostgreSQL keeps its data; undefined for one that ran already. */
  readonly postgresData: string | undefined;
  /** Coordinators drain, then storage nodes, then PostgreSQL. */
  stop(): Promise<void>;
  /** Ends everything at once; the next start recovers. */
  kill(): void;
}

interface Parts {
  readonly coordinators: SupervisedPart<ChildPart>[];
  readonly nodes: SupervisedPart<ChildPart>[];
  readonly postgres: SupervisedPart<RunningPart>[];
}

/**
 * Starts a whole cluster on this machine, in the order PostgreSQL, storage nodes, coordinators.
 * @param print takes a line for people
 * @throws FolderInUseError, FolderLockedElsewhereError, FolderLockError, OtherSizeError, AddressUnavailableError, and whatever keeps a part from starting
 */
export async function startUp(config: UpConfig, print: (line: string) => void): Promise<RunningCluster> {
  await makeHome(config.home);
  const ports = Array.from({ length: config.coordinators }, (_, i) => config.port + i);
  const info = { address: `${config.host}:${config.port}` };
  const lock = await acquireFolderLock(config.home, { info, takeOver: config.takeOver });
  const parts: Parts = { coordinators: [], nodes: [], postgres: [] };
  let logs: LogRotation | undefined;
  const stop = async () => {
    for (const group of [parts.coordinators, parts.nodes, parts.postgres]) {
      await Promise.all(group.map((part) => part.stop()));
    }
    logs?.stop();
    await lock.release();
  };
  const kill = () => {
    for (const part of [...parts.coordinators, ...parts.nodes, ...parts.postgres]) part.kill();
  };
  try {
    const home = await openHome(config.home, config.nodes, systemRandom);
    logs = new LogRotation(home.logs);
    if (config.nodePorts !== undefined && config.nodePorts.length !== home.nodes) {
      throw new Error(`--node-ports must name ${home.nodes} ports, one for each storage node`);
    }
    await awaitLeftOverParts(home.run);
    for (const port of ports) await checkFree(config.host, port);
    const postgres = await startPostgres(config, home, parts, print);
    const nodes = await startNodes(config, home, parts, print);
    const urls = await startCoordinators({ config, home, ports, databaseUrl: postgres.url, parts, print });
    await prepareCluster(urls[0] ?? '', nodes);
    return { home, urls, postgresData: postgres.dataFolder, stop, kill };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startPostgres(
  config: UpConfig,
  home: Home,
  parts: Parts,
  print: (line: string) => void,
): Promise<{ readonly url: string; readonly dataFolder: string | undefined }> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl, dataFolder: undefined };
  const options = { home: home.folder, logFile: join(home.logs, 'postgres.log'), random: systemRandom };
  const start = async () => {
    const server = await startEmbeddedPostgres({ ...options, searchPath: config.searchPath });
    return { ...server, exited: server.exited.then(() => 'its process is gone') };
  };
  const part = new SupervisedPart('PostgreSQL', start, print);
  parts.postgres.push(part);
  const { url, dataFolder } = await part.start();
  return { url, dataFolder };
}

function startNodes(
  config: UpConfig,
  home: Home,
  parts: Parts,
  print: (line: string) => void,
): Promise<readonly NodeAtAddress[]> {
  const start = async (i: number): Promise<NodeAtAddress> => {
    const nodeId = `node-${i + 1}`;
    // Once it has a port, a node that is started again keeps it: its address is recorded.
    let port = config.nodePorts?.[i] ?? 0;
    const part = new SupervisedPart(
      `storage node ${nodeId}`,
      () =>
        startPart(config, home, nodeId, [
          ...['storage-node', '--id', nodeId, '--listen', `127.0.0.1:${port}`],
          ...['--data', home.nodeData(nodeId), '--cluster-secret-file', home.clusterSecretFile],
          ...['--free-bytes-min', String(config.freeBytesMin)],
          ...(config.takeOver === undefined ? [] : ['--take-over', config.takeOver]),
        ]),
      print,
    );
    parts.nodes.push(part);
    const { host, port: taken } = await part.start();
    port = taken;
    return { nodeId, host, port };
  };
  return allStarted(Array.from({ length: home.nodes }, (_, i) => start(i)));
}

async function startCoordinators(options: {
  readonly config: UpConfig;
  readonly home: Home;
  readonly ports: readonly number[];
  readonly databaseUrl: string;
  readonly parts: Parts;
  readonly print: (line: string) => void;
}): Promise<readonly string[]> {
  const { config, home, ports, databaseUrl, parts, print } = options;
  const host = urlHost(config.host);
  const start = async (port: number, i: number): Promise<string> => {
    const id = `coordinator-${i + 1}`;
    const args = ['coordinator', '--id', id, '--listen', `${host}:${port}`];
    // Nobody balances between these, so nobody needs to see one leave.
    const more = ['--cluster-secret-file', home.clusterSecretFile, '--drain-delay-ms', '0'];
    // The database's password is no argument: anybody may list those.
    const environment = { ...config.environment, DATABASE_URL: databaseUrl };
    const part = new SupervisedPart(
      `coordinator ${id}`,
      () => startPart({ ...config, environment }, home, id, [...args, ...more]),
      print,
    );
    parts.coordinators.push(part);
    await part.start();
    return `http://${host}:${port}`;
  };
  return allStarted(ports.map(start));
}

/** When one fails, the others have started all the same, so that they can be stopped. */
async function allStarted<Result>(starts: readonly Promise<Result>[]): Promise<readonly Result[]> {
  await Promise.allSettled(starts);
  return Promise.all(starts);
}

function startPart(config: UpConfig, home: Home, name: string, args: readonly string[]): Promise<ChildPart> {
  return startChildPart({
    name,
    args,
    environment: config.environment,
    logFile: join(home.logs, `${name}.log`),
    onSpawn: (pid) => recordPart(home.run, name, pid),
  });
}

/** Before anything is started: a taken port is the commonest mistake. */
async function checkFree(host: string, port: number): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, 'listening');
  } catch (error) {
    throw new AddressUnavailableError(host, port, error as NodeJS.ErrnoException);
  } finally {
    probe.close();
  }
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
