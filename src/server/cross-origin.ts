import { cors } from '@connectrpc/connect';
import { ERROR_CODE_HEADER, ERRORS_HEADER } from '../rpc/error-headers.js';
import type { NodeRequest, NodeResponse } from './node-http.js';

const PREFLIGHT_MAX_AGE_S = 7200;
const METHODS = cors.allowedMethods.join(', ');
const REQUEST_HEADERS = [...cors.allowedHeaders, ERRORS_HEADER].join(', ');
const RESPONSE_HEADERS = [...cors.exposedHeaders, ERROR_CODE_HEADER].join(', ');

/** Whether a browser asks on behalf of a page before it sends the page's request (Fetch standard, CORS-preflight). */
export function isPreflight({ method, headers }: NodeRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/** Lets a page of this origin read the answer, whatever it will be. */
export function exposeTo(origin: string, response: NodeResponse): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', RESPONSE_HEADERS);
  response.setHeader('vary', 'origin');
}

export function answerPreflight({ headers }: NodeRequest, response: NodeResponse): void {
  response.setHeader('access-control-allow-methods', METHODS);
  response.setHeader('access-control-allow-headers', REQUEST_HEADERS);
  response.setHeader('access-control-max-age', PREFLIGHT_MAX_AGE_S);
  // Chromium asks this of pages on public addresses: https://wicg.github.io/private-network-access
  if (headers['access-control-request-private-network'] !== undefined) {
    response.setHeader('access-control-allow-private-network', 'true');
  }
  response.writeHead(204);
  response.end();
}
