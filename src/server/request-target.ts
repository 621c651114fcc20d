import type { TLSSocket } from 'node:tls';
import type { NodeRequest } from './node-http.js';

/** Host and port that the client meant to reach; undefined where a request of HTTP/1.0 does not tell. */
export function authorityOf({ headers }: NodeRequest): string | undefined {
  const pseudo: unknown = headers[':authority'];
  return typeof pseudo === 'string' ? pseudo : headers.host;
}

/** The origin of this server as the client sees it; without a host when that is not told. */
export function originOf(request: NodeRequest): string {
  const scheme = (request.socket as Partial<TLSSocket>).encrypted ? 'https' : 'http';
  return `${scheme}://${authorityOf(request) ?? ''}`;
}
