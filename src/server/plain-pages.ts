import type { TLSSocket } from 'node:tls';
import type { NodeRequest, NodeResponse } from './node-http.js';

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface PageParts {
  readonly version: string;
  readonly readiness: () => Readiness;
}

/** Everything on the port that is no RPC. */
export function servePage(parts: PageParts, request: NodeRequest, response: NodeResponse): void {
  const path = (request.url ?? '').split('?', 1)[0];
  switch (path) {
    case '/healthz':
      return send(response, 200, 'ok\n');
    case '/readyz': {
      const readiness = parts.readiness();
      return readiness.ready ? send(response, 200, 'ready\n') : send(response, 503, `not ready: ${readiness.reason}\n`);
    }
    case '/':
      return send(response, 200, welcome(parts, request));
    default:
      return send(response, 404, `There is no ${JSON.stringify(path)} here. ${PATHS}`);
  }
}

const PATHS = 'RPCs are at /coordinator.v1.CoordinatorService/<RPC>; /healthz and /readyz tell the state.\n';

function welcome({ version, readiness }: PageParts, request: NodeRequest): string {
  const state = readiness();
  const host = request.headers.host ?? request.headers[':authority'] ?? '127.0.0.1:7400';
  const scheme = (request.socket as Partial<TLSSocket>).encrypted ? 'https' : 'http';
  const service = `${scheme}://${String(host)}/coordinator.v1.CoordinatorService`;
  return [
    `Quorate ${version}: ${state.ready ? 'ready' : `not ready: ${state.reason}`}`,
    '',
    'Try:',
    `  curl -sd '{"tenantId":"demo"}' ${service}/GetTenant`,
    `  curl -sd '{}' ${service}/ListStorageNodes`,
    '',
  ].join('\n');
}

function send(response: NodeResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
