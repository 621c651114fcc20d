import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type CoordinatorClient, ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';
import { RawConnection } from '../support/raw-connection.js';
import { serveCoordinator } from '../support/served-coordinator.js';
import { ATTACKS, stalledUpload, type Target } from './attacks.js';

/** What an attack may leave behind: a process keeps some of the memory that it once needed. */
const GROWTH_MAX_MIB = 300;
/** What an attack may add to the log. */
const LOG_BYTES_MAX = 64 * 1024;
const HAS_PROC = existsSync('/proc/net/tcp');
const LISTENING = '0A';

describe('a coordinator under attack', () => {
  let cluster: ProcessCluster;
  let client: CoordinatorClient;
  let target: Target;
  let pid: number;

  beforeAll(async () => {
    cluster = await ProcessCluster.make();
    // Attackers, coordinator and storage nodes share this machine's few cores: what is slow is not yet lost.
    client = await cluster.startThree(['--replica-timeout-ms', '10000', '--request-timeout-ms', '20000']);
    await client.createTenant({ tenantId: 't' });
    const { hostname: host, port } = new URL(cluster.coordinator('c1').url);
    target = { host, port: Number(port) };
    ({ pid } = cluster.coordinator('c1').process);
  });
  afterAll(async () => {
    await cluster.remove();
    await killAll();
  });

  const residentMib = () => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
  /** Connections that the coordinator has accepted; those of clients that left among them. */
  const connections = () => {
    const local = `:${target.port.toString(16).toUpperCase().padStart(4, '0')}`;
    const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
    return rows.map((row) => row.trim().split(/\s+/)).filter((row) => row[1]?.endsWith(local) && isOpen(row)).length;
  };

  it.each(Object.entries(ATTACKS))('%s: others are served', async (key, attack) => {
    const memoryBefore = residentMib();
    const logBefore = cluster.coordinator('c1').process.stderr().length;
    let over = false;
    const serveOthers = async () => {
      let served = 0;
      for (; !over || served < 3; served++) {
        const value = Buffer.from(String(served));
        await client.writeKeyValue({ tenantId: 't', key, value });
        expect((await client.readKeyValue({ tenantId: 't', key })).value).toEqual(new Uint8Array(value));
      }
    };
    const others = serveOthers();
    others.catch(() => {});
    await attack(target).finally(() => {
      over = true;
    });
    await others;
    expect(cluster.coordinator('c1').process.pid).toBe(pid);
    expect(residentMib() - memoryBefore).toBeLessThan(GROWTH_MAX_MIB);
    expect(cluster.coordinator('c1').process.stderr().length - logBefore).toBeLessThan(LOG_BYTES_MAX);
  });

  it.runIf(HAS_PROC)('is left with its own client’s connection alone', { timeout: 90_000 }, async () => {
    await eventually(() => connections() <= 1, 60_000);
  });
});

/** Neither the listening socket nor one that only the system still keeps. */
function isOpen([, , , state, , , , , , inode]: readonly string[]): boolean {
  return state !== LISTENING && inode !== '0';
}

describe('a request that never comes to its end', () => {
  it('is ended over HTTP/2, too, and the connection serves others', async () => {
    const served = await serveCoordinator({}, { requestReadMs: 100 });
    expect(await stalledUpload(served)).toBe(constants.NGHTTP2_CANCEL);
    await served.stop();
  });
});

describe('a request of HTTP/1.1 that can not be read', () => {
  let client: RawConnection | undefined;
  let stop = async () => {};
  afterEach(async () => {
    client?.socket.destroy();
    await stop();
  });

  it.each([
    ['too many headers', `GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
    ['a bad header', 'GET / HTTP/1.1\r\nHost: localhost\r\nx y: z\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    ['headers that never end', 'GET / HTTP/1.1\r\nHost: localhost\r\n', 408],
  ])('for %s is told so', async (_what, request, status) => {
    const served = await serveCoordinator({}, { requestReadMs: 100 });
    stop = served.stop;
    client = await RawConnection.open(served);
    client.socket.write(request);
    await eventually(() => client?.isClosed);
    expect(client.received.toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });
});
