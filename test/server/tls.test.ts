import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { CertificateError, readCertificate } from '../../src/server/certificate.js';
import { CertificateWatch } from '../../src/server/certificate-watch.js';
import { CERTIFICATES, type CertificateName, testCertificate } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { http1Call, http2Call } from '../support/http-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';
import { MemoryLog } from '../support/silent-log.js';

const ca = CERTIFICATES.map((name) => testCertificate(name).cert);

describe('a port with a certificate', () => {
  let served: ServedCoordinator;
  let baseUrl: string;

  beforeEach(async () => {
    served = await serveCoordinator({}, { silenceMs: 200 }, testCertificate('one'));
    baseUrl = served.baseUrl.replace('http:', 'https:');
  });
  afterEach(() => served.stop());

  it.each(['1.1', '2'] as const)('serves RPCs over TLS with HTTP/%s', async (httpVersion) => {
    const transport = createConnectTransport({ baseUrl, httpVersion, nodeOptions: { ca } });
    const answer = await createClient(CoordinatorService, transport).getTenant({ tenantId: 'acme' });
    expect(answer.success).toBe(true);
  });

  it('serves gRPC over TLS', async () => {
    const transport = createGrpcTransport({ baseUrl, nodeOptions: { ca } });
    const answer = await createClient(CoordinatorService, transport).getTenant({ tenantId: 'acme' });
    expect(answer.success).toBe(true);
  });

  it.each([
    [['h2'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [['h2', 'http/1.1'], 'h2'],
    [undefined, false],
  ] as const)('chooses among %j by ALPN: %s', async (offered, chosen) => {
    const socket = await handshake(served.port, { ALPNProtocols: offered && [...offered] });
    expect(socket.alpnProtocol).toBe(chosen);
    socket.destroy();
  });

  it.each([
    ['ECDHE-ECDSA-AES128-GCM-SHA256', true],
    ['ECDHE-ECDSA-AES256-SHA384', false],
    ['ECDHE-ECDSA-AES128-SHA', false],
  ])('speaks TLS 1.2 with %s: %s', async (ciphers, spoken) => {
    const shake = handshake(served.port, { ciphers, maxVersion: 'TLSv1.2' });
    const outcome = await shake.then(
      (socket) => socket.destroy() !== undefined,
      () => false,
    );
    expect(outcome).toBe(spoken);
  });

  it('takes a client without ALPN for one of HTTP/1.1', async () => {
    const socket = await handshake(served.port, {});
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    const [chunk] = await once(socket, 'data');
    expect(String(chunk)).toMatch(/^HTTP\/1\.1 200 OK/);
    socket.destroy();
  });

  it('refuses what TLS 1.2 has replaced', async () => {
    await expect(handshake(served.port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
  });

  it('still serves clear text on the same port', async () => {
    expect((await http1Call(`${served.baseUrl}/healthz`)).status).toBe(200);
    expect((await http2Call(`${served.baseUrl}/healthz`)).status).toBe(200);
  });

  it('names the scheme that was used on its page', async () => {
    expect(await page(baseUrl)).toContain(`${baseUrl}/coordinator.v1`);
  });

  it('closes a connection whose handshake never ends', async () => {
    using client = await RawConnection.open(served);
    client.socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
    await eventually(() => client.isClosed);
  });

  it('outlives garbage in place of a handshake', async () => {
    using client = await RawConnection.open(served);
    client.socket.write(Buffer.concat([Buffer.from([0x16, 3, 1, 0, 5]), Buffer.alloc(500, 7)]));
    await eventually(() => client.isClosed);
    expect(await page(baseUrl)).toContain('Quorate');
  });

  it('drains connections of TLS as well', async () => {
    const session = connectHttp2(baseUrl, { ca });
    await once(session, 'connect');
    const closed = once(session, 'close');
    await served.onePort.drain(5000);
    await closed;
  });

  it('shows a renewed certificate to new connections, and keeps the old ones', async () => {
    const before = await handshake(served.port, { ALPNProtocols: ['http/1.1'] });
    served.onePort.renew(testCertificate('other'));
    const after = await handshake(served.port, {});
    expect([before, after].map(commonName)).toEqual(['Quorate test one', 'Quorate test other']);
    before.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const [chunk] = await once(before, 'data');
    expect(String(chunk)).toMatch(/^HTTP\/1\.1 200 OK/);
    for (const socket of [before, after]) socket.destroy();
  });
});

describe('a port without one', () => {
  it('closes a connection that begins TLS', async () => {
    const served = await serveCoordinator();
    await expect(handshake(served.port, {})).rejects.toThrow();
    await served.stop();
  });
});

describe('certificate files', () => {
  let folder: string;
  const files = () => ({ certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') });
  const install = (name: CertificateName, what: readonly ('cert' | 'key')[] = ['cert', 'key']) => {
    const certificate = testCertificate(name);
    if (what.includes('cert')) writeFileSync(files().certFile, certificate.cert);
    if (what.includes('key')) writeFileSync(files().keyFile, certificate.key);
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'quorate-tls-'));
  });
  beforeEach(() => install('one'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are read; one file may hold both', () => {
    expect(readCertificate(files())).toEqual(testCertificate('one'));
    const both = join(folder, 'both.pem');
    writeFileSync(both, testCertificate('one').key + testCertificate('one').cert);
    expect(readCertificate({ certFile: both, keyFile: both }).cert).toContain('BEGIN CERTIFICATE');
  });

  it('that are missing, no PEM or of two certificates are refused with the flags and the files', () => {
    const refused = (message: RegExp) => {
      expect(() => readCertificate(files())).toThrow(CertificateError);
      expect(() => readCertificate(files())).toThrow(message);
      expect(() => readCertificate(files())).toThrow(
        /--tls-cert-file .* tls-key-file|--tls-cert-file and --tls-key-file/,
      );
    };
    install('other', ['key']);
    refused(/tls\.crt and .*tls\.key/);
    writeFileSync(files().certFile, 'no certificate');
    refused(/tls\.crt/);
    rmSync(files().keyFile);
    refused(/ENOENT/);
  });

  it('are watched: a renewal is told once, and half a renewal or a missing file changes nothing', async () => {
    const log = new MemoryLog();
    const seen: string[] = [];
    const watch = new CertificateWatch(files(), readCertificate(files()), log, ({ cert }) => seen.push(cert), 5);
    try {
      install('other', ['cert']);
      await eventually(() => log.lines.some(({ level }) => level === 'error'));
      expect(seen).toEqual([]);
      install('other', ['key']);
      await eventually(() => seen.length > 0);
      rmSync(files().certFile);
      await eventually(() => log.lines.filter(({ level }) => level === 'error').length === 2);
      // As Kubernetes does it: a link to the new version takes the old one's place.
      const next = join(folder, 'next.crt');
      writeFileSync(next, testCertificate('one').cert);
      install('one', ['key']);
      symlinkSync(next, files().certFile);
      await eventually(() => seen.length > 1);
      expect(seen).toEqual([testCertificate('other').cert, testCertificate('one').cert]);
      expect(readFileSync(files().certFile, 'utf8')).toBe(testCertificate('one').cert);
    } finally {
      watch.stop();
    }
  });
});

async function handshake(port: number, options: object): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

function commonName(socket: TLSSocket): unknown {
  return socket.getPeerCertificate().subject.CN;
}

/** What a browser's GET / shows. */
async function page(baseUrl: string): Promise<string> {
  const agent = new Agent({ ca });
  const [response] = await once(httpsRequest(`${baseUrl}/`, { agent }).end(), 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  agent.destroy();
  return text;
}
