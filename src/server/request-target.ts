import type { TLSSocket } from 'node:tls';
import type { NodeRequest } from './node-http.js';

/** Host and port that the client meant to reach; undefined where a request of HTTP/1.0 does not tell. */
export function authorityOf({ headers }: NodeRequest): string | undefined {
  const pseudo: unknown = headers[':authority'];
  return typeof pseudo === 'string' ? pseudo : headers.host;
}

/** The same object for all requests of one connection. */
export function connectionOf(request: NodeRequest): object {
  return 'stream' in request ? (request.stream.session ?? request.stream) : request.socket;
}

/** The origin of this server as the client sees it; without a host when that is not told. */
export function originOf(request: NodeRequest): string {
  const scheme = (request.socket as Partial<TLSSocket>).encrypted ? 'https' : 'http';
  return `${scheme}://${authorityOf(request) ?? ''}`;
}

/** Two Host headers: one server reads the first of them, another one the last (RFC 9112, section 3.2). */
function namesTwoHosts({ rawHeaders }: NodeRequest): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') hosts++;
  return hosts > 1;
}

const ABSOLUTE_FORM = /^https?:\/\//i;

/**
 * Puts a target in absolute form (RFC 9112, section 3.2.2) into the usual one.
 * @returns what is wrong with it; undefined when nothing is
 */
export function takeTarget(request: NodeRequest): { readonly status: number; readonly text: string } | undefined {
  if (request.httpVersionMajor === 0) return { status: 505, text: 'HTTP/0.9 is not served here.\n' };
  if (namesTwoHosts(request)) return { status: 400, text: 'A request has one Host header.\n' };
  const target = request.url ?? '';
  if (!ABSOLUTE_FORM.test(target)) return undefined;
  if (!URL.canParse(target)) return { status: 400, text: 'The request target is no URL.\n' };
  const { host, pathname, search } = new URL(target);
  request.url = `${pathname}${search}`;
  // A Host header beside it does not count.
  request.headers.host = host;
  return undefined;
}
