import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateFile, testCertificate } from '../support/certificates.js';
import { ProcessCluster } from '../support/process-cluster.js';
import { killAll } from '../support/quorate-process.js';
import { Browser, findChromium } from './browser-client.js';
import { describeClient } from './client-suite.js';
import { bufCurlClient, curlClient, curlGetClient, hasCurl } from './command-line-clients.js';
import { connectClient } from './connect-client.js';
import { grpcJsClient } from './grpc-js-client.js';
import { findPython, pythonClient } from './python-client.js';

let cluster: ProcessCluster;
let address: string;
const plain = () => `http://${address}`;
const tls = () => `https://${address}`;

beforeAll(async () => {
  cluster = await ProcessCluster.make();
  await cluster.startThree([
    ...['--tls-cert-file', certificateFile('one', 'cert'), '--tls-key-file', certificateFile('one', 'key')],
  ]);
  address = new URL(cluster.coordinator('c1').url).host;
});
afterAll(async () => {
  await cluster.remove();
  await killAll();
});

describe('Connect for Node.js', () => {
  const nodeOptions = { ca: testCertificate('one').cert };
  const http1 = (baseUrl: string) => ({ baseUrl, httpVersion: '1.1', nodeOptions }) as const;
  const http2 = (baseUrl: string) => {
    const sessionManager = new Http2SessionManager(baseUrl, {}, nodeOptions);
    return { baseUrl, httpVersion: '2', sessionManager } as const;
  };
  const make = {
    Connect: createConnectTransport,
    'gRPC-Web': createGrpcWebTransport,
    gRPC: createGrpcTransport,
  } as const;
  for (const [security, baseUrl] of [['clear text', plain] as const, ['TLS', tls] as const]) {
    for (const useBinaryFormat of [true, false]) {
      const format = useBinaryFormat ? 'binary' : 'JSON';
      for (const protocol of ['Connect', 'gRPC-Web', 'gRPC'] as const) {
        describeClient(`${protocol}, ${format}, HTTP/2, ${security}`, async () => {
          const options = http2(baseUrl());
          const transport = make[protocol]({ ...options, useBinaryFormat });
          return connectClient(transport, () => options.sessionManager.abort());
        });
        if (protocol === 'gRPC') continue;
        describeClient(`${protocol}, ${format}, HTTP/1.1, ${security}`, async () =>
          connectClient(make[protocol]({ ...http1(baseUrl()), useBinaryFormat })),
        );
      }
    }
  }
  describeClient('Connect with GET for reads', async () =>
    connectClient(createConnectTransport({ ...http1(plain()), useHttpGet: true })),
  );
});

describeClient("grpc-js from the contract's bare text", () => grpcJsClient(address));

describeClient('buf curl by reflection, Connect', async () => bufCurlClient(plain(), 'connect'));
describeClient('buf curl by reflection, gRPC', async () => bufCurlClient(plain(), 'grpc'));
describeClient('buf curl by reflection, gRPC-Web', async () => bufCurlClient(plain(), 'grpcweb'));

needing('curl', hasCurl() || undefined, () => {
  describeClient('curl', async () => curlClient(plain()));
  describeClient('curl, HTTP/2', async () => curlClient(plain(), ['--http2-prior-knowledge']));
  describeClient('curl, TLS', async () => curlClient(tls(), ['--cacert', certificateFile('one', 'cert')]));
  describeClient('curl with GET for reads', async () => curlGetClient(plain()));
});

needing('a python3 with grpcio (Debian: python3-grpcio; pip: grpcio protobuf)', findPython(), (python) => {
  describeClient("Python's grpcio", () => pythonClient(python, address));
});

needing('Chromium', findChromium(), (chromium) => {
  describe('a page of another origin in Chromium', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await Browser.open(chromium, '127.0.0.1');
    });
    afterAll(() => browser?.close());
    describeClient('gRPC-Web', async () => browser.client(plain(), 'grpc-web'));
    describeClient('Connect', async () => browser.client(plain(), 'connect'));
  });

  it('a page of an origin that is not let in learns nothing in Chromium', async () => {
    const browser = await Browser.open(chromium, 'page.localhost');
    try {
      const call = browser.client(plain(), 'grpc-web').call('ListStorageNodes', {});
      await expect(call).rejects.toThrow(/Failed to fetch/);
    } finally {
      await browser.close();
    }
  });
});

/** Describes clients that need a tool, or says that they were skipped for want of it. */
function needing<Tool>(what: string, tool: Tool | undefined, describeThem: (tool: Tool) => void): void {
  if (tool === undefined) it.skip(`clients that need ${what}, which is not here`);
  else describeThem(tool);
}
