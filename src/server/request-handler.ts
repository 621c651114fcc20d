import { constants } from 'node:http2';
import type { UniversalServerRequest, UniversalServerResponse } from '@connectrpc/connect/protocol';
import type { Log } from '../ports/log.js';
import { CLIENT_GONE } from '../rpc/client-gone.js';
import type { RpcHandlers } from '../rpc/rpc-handler.js';
import { answerUnknownRpc, meansRpc } from '../rpc/unknown-rpc.js';
import { type Admission, hostOf } from './admission.js';
import { answerPreflight, exposeTo, isPreflight } from './cross-origin.js';
import type { NodeRequest, NodeResponse } from './node-http.js';
import { type PageParts, sendText, servePage } from './plain-pages.js';
import { inOnePart, type RequestBodies } from './request-bodies.js';
import { authorityOf, connectionOf, originOf, takeTarget } from './request-target.js';
import { sendUniversal, universalRequest } from './universal-exchange.js';

export interface RequestHandlerParts extends PageParts {
  readonly rpc: RpcHandlers;
  readonly admission: Admission;
  readonly bodies: RequestBodies;
  readonly log: Log;
}

/** How long a client may go on with a body after its answer. */
const UPLOAD_GRACE_MS = 1000;

/**
 * Serves one HTTP request of any version.
 * @param body when it was read from the request already, at least in part
 */
export type RequestHandler = (request: NodeRequest, response: NodeResponse, body?: AsyncIterable<Uint8Array>) => void;

export function requestHandler(parts: RequestHandlerParts): RequestHandler {
  return (request, response, body) => {
    const fault = takeTarget(request);
    if (fault !== undefined) return sendText(response, fault.status, fault.text);
    if (!admit(parts, request, response)) return;
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const { byPath, services } = parts.rpc;
    takeFormAsJson(request);
    const handler = byPath.get(path);
    const isRpc = handler !== undefined || meansRpc(path, request.method, request.headers['content-type']);
    if (!isRpc) return servePage(parts, request, response);
    const serve: Serve = handler ?? ((asked) => answerUnknownRpc(path, asked, services));
    // An answer may be ready before the whole body was read. Leaving a loop over it must not cut the connection under it.
    const source = body ?? request.iterator({ destroyOnReturn: false });
    const whole = handler?.method.methodKind === 'unary' ? wholeBody(parts, request, response, source) : source;
    serveRpc(serve, request, response, whole).catch((err: unknown) => {
      if (err !== CLIENT_GONE) parts.log.warn({ err, path }, 'an answer was not delivered');
      response.destroy();
    });
  };
}

/** False when the request was answered already: it came by a name or from a page that is not let in, or only asks. */
function admit({ admission, log }: RequestHandlerParts, request: NodeRequest, response: NodeResponse): boolean {
  const authority = authorityOf(request);
  if (!admission.allowsHost(authority)) {
    const host = hostOf(authority ?? '');
    log.warn({ host }, 'a request by this host name was refused; --allowed-host lets it in');
    sendText(response, 403, `The host name ${JSON.stringify(host)} is not let in here: see --allowed-host.\n`);
    return false;
  }
  const { origin } = request.headers;
  if (origin === undefined) return true;
  const allowed = admission.allowsOrigin(origin, originOf(request));
  if (allowed) exposeTo(origin, response);
  if (!isPreflight(request)) return true;
  if (allowed) answerPreflight(request, response);
  else {
    log.warn({ origin }, 'a web page of this origin was refused; --cors-origin lets it in');
    sendText(
      response,
      403,
      `Web pages of the origin ${JSON.stringify(origin)} are not let in here: see --cors-origin.\n`,
    );
  }
  return false;
}

function wholeBody(
  { bodies, rpc }: RequestHandlerParts,
  request: NodeRequest,
  response: NodeResponse,
  source: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  // Whoever reads the body would make room for what is declared, before anything was received; what is too long already by
  // what it declares is refused at once by those who look there, and received within the budget by the others.
  const isTooLong = Number(request.headers['content-length'] ?? 0) > rpc.bodyBytesMax;
  if (!isTooLong) delete request.headers['content-length'];
  const body = bodies.open(connectionOf(request));
  response.once('close', () => body.release());
  return inOnePart(source, body, rpc.bodyBytesMax);
}

/** What the RPC layer makes of a request. */
type Serve = (request: UniversalServerRequest) => UniversalServerResponse | Promise<UniversalServerResponse>;

async function serveRpc(
  handler: Serve,
  request: NodeRequest,
  response: NodeResponse,
  source: AsyncIterable<Uint8Array>,
): Promise<void> {
  const body = source[Symbol.asyncIterator]();
  const answer = await handler(universalRequest(request, response, { [Symbol.asyncIterator]: () => body }));
  // A response of HTTP/2 tells of its end only when the whole stream is over.
  const sent = 'stream' in response ? response.stream : response;
  sent.once('finish', () => void endUpload(request, body));
  await sendUniversal(answer, response);
}

/**
 * Nobody needs what is left of a body after its answer. It is read, so that a connection of HTTP/1.1 can serve the next
 * request; on HTTP/2 the client is told to stop (RFC 9113, section 8.1) when it goes on.
 */
async function endUpload(request: NodeRequest, body: AsyncIterator<unknown>): Promise<void> {
  if (request.readableEnded) return;
  await body.return?.();
  request.resume();
  if (!('stream' in request)) return;
  const { stream } = request;
  // Trailers go out after the stream's "finish"; nothing tells when.
  setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), UPLOAD_GRACE_MS).unref();
}

/**
 * Plain `curl -d` says that its body is a form. It is taken as JSON only from no browser: a page could otherwise post
 * without a preflight.
 */
function takeFormAsJson({ headers }: NodeRequest): void {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return;
  if (headers['content-type'] === 'application/x-www-form-urlencoded') headers['content-type'] = 'application/json';
}
