import type { NodeRequest, NodeResponse } from './node-http.js';
import { originOf } from './request-target.js';

export type Readiness =
  | { readonly ready: true; readonly note?: string }
  | { readonly ready: false; readonly reason: string };

export interface PageParts {
  readonly version: string;
  readonly readiness: () => Readiness;
}

/** Everything on the port that is no RPC. */
export function servePage(parts: PageParts, request: NodeRequest, response: NodeResponse): void {
  const path = (request.url ?? '').split('?', 1)[0];
  switch (path) {
    case '/healthz':
      return sendText(response, 200, 'ok\n');
    case '/readyz': {
      const readiness = parts.readiness();
      return readiness.ready
        ? sendText(response, 200, `ready\n${readiness.note === undefined ? '' : `note: ${readiness.note}\n`}`)
        : sendText(response, 503, `not ready: ${readiness.reason}\n`);
    }
    case '/':
      return sendText(response, 200, welcome(parts, request));
    default:
      return sendText(response, 404, `There is no ${JSON.stringify(path)} here. ${PATHS}`);
  }
}

const PATHS = 'RPCs are at /coordinator.v1.CoordinatorService/<RPC>; /healthz and /readyz tell the state.\n';

function welcome({ version, readiness }: PageParts, request: NodeRequest): string {
  const state = readiness();
  const service = `${originOf(request)}/coordinator.v1.CoordinatorService`;
  return [
    `Quorate ${version}: ${state.ready ? 'ready' : `not ready: ${state.reason}`}`,
    '',
    'Try:',
    `  curl -sd '{"tenantId":"demo"}' ${service}/GetTenant`,
    `  curl -sd '{}' ${service}/ListStorageNodes`,
    '',
  ].join('\n');
}

export function sendText(response: NodeResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
