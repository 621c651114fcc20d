import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Log } from '../ports/log.js';
import type { NodeRequest, NodeResponse } from './node-http.js';
import { type PageParts, servePage } from './plain-pages.js';

export interface RequestHandlerParts extends PageParts {
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
  readonly log: Log;
}

/** Serves one HTTP request of any version. */
export type RequestHandler = (request: NodeRequest, response: NodeResponse) => void;

export function requestHandler(parts: RequestHandlerParts): RequestHandler {
  return (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const handler = parts.handlers.get(path);
    if (handler === undefined) return servePage(parts, request, response);
    takeFormAsJson(request);
    serveRpc(handler, request, response).catch((err: unknown) => {
      // The client went away, or its connection broke, while the answer was on its way.
      parts.log.info({ err, path }, 'an answer was not delivered');
      response.destroy();
    });
  };
}

async function serveRpc(handler: UniversalHandler, request: NodeRequest, response: NodeResponse): Promise<void> {
  const answer = await handler(universalRequestFromNodeRequest(request, response, undefined, undefined));
  await universalResponseToNodeResponse(answer, response);
}

/**
 * Plain `curl -d` says that its body is a form. It is taken as JSON only from no browser: a page could otherwise post
 * without a preflight.
 */
function takeFormAsJson({ headers }: NodeRequest): void {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return;
  if (headers['content-type'] === 'application/x-www-form-urlencoded') headers['content-type'] = 'application/json';
}
