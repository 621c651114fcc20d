import type { Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';

export const TRANSPORT_NAMES = [
  'Connect JSON, HTTP/1.1',
  'Connect JSON, HTTP/2',
  'Connect binary, HTTP/1.1',
  'Connect binary, HTTP/2',
  'Connect JSON with GET for reads, HTTP/1.1',
  'Connect binary with GET for reads, HTTP/2',
  'gRPC',
  'gRPC-Web, HTTP/1.1',
  'gRPC-Web, HTTP/2',
] as const;

export type TransportName = (typeof TRANSPORT_NAMES)[number];

/** Every way that a client may speak to the port, over one HTTP/2 connection where it speaks HTTP/2. */
export class ClientTransports {
  readonly #sessions: Http2SessionManager;
  readonly #byName: Readonly<Record<TransportName, Transport>>;

  constructor(baseUrl: string) {
    const sessionManager = new Http2SessionManager(baseUrl);
    this.#sessions = sessionManager;
    const http1 = { baseUrl, httpVersion: '1.1' } as const;
    const http2 = { baseUrl, httpVersion: '2', sessionManager } as const;
    this.#byName = {
      'Connect JSON, HTTP/1.1': createConnectTransport({ ...http1, useBinaryFormat: false }),
      'Connect JSON, HTTP/2': createConnectTransport({ ...http2, useBinaryFormat: false }),
      'Connect binary, HTTP/1.1': createConnectTransport({ ...http1, useBinaryFormat: true }),
      'Connect binary, HTTP/2': createConnectTransport({ ...http2, useBinaryFormat: true }),
      'Connect JSON with GET for reads, HTTP/1.1': createConnectTransport({
        ...http1,
        useBinaryFormat: false,
        useHttpGet: true,
      }),
      'Connect binary with GET for reads, HTTP/2': createConnectTransport({
        ...http2,
        useBinaryFormat: true,
        useHttpGet: true,
      }),
      gRPC: createGrpcTransport({ baseUrl, sessionManager }),
      'gRPC-Web, HTTP/1.1': createGrpcWebTransport(http1),
      'gRPC-Web, HTTP/2': createGrpcWebTransport(http2),
    };
  }

  get(name: TransportName): Transport {
    return this.#byName[name];
  }

  close(): void {
    this.#sessions.abort();
  }
}
