import { once } from 'node:events';
import type { UniversalServerRequest, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { CLIENT_GONE } from '../rpc/client-gone.js';
import type { NodeRequest, NodeResponse } from './node-http.js';
import { originOf } from './request-target.js';

/** A request as the RPC layer takes it; its signal aborts when the client goes before it was answered. */
export function universalRequest(
  request: NodeRequest,
  response: NodeResponse,
  body: AsyncIterable<Uint8Array>,
): UniversalServerRequest {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableEnded) controller.abort(CLIENT_GONE);
  });
  // Before whoever reads the body is told: what cuts a body short is then known for what it is.
  request.on('error', () => controller.abort(CLIENT_GONE));
  request.once('close', () => {
    if (!request.complete) controller.abort(CLIENT_GONE);
  });
  return {
    httpVersion: request.httpVersion,
    method: request.method ?? '',
    url: `${originOf(request)}${request.url}`,
    header: headersOf(request),
    body,
    signal: controller.signal,
  };
}

/** Sends the answer as it comes. @throws Error when the client has gone, or what producing the answer throws */
export async function sendUniversal(answer: UniversalServerResponse, response: NodeResponse): Promise<void> {
  const body = answer.body?.[Symbol.asyncIterator]();
  try {
    // Headers may be set until the first part of the body is there.
    let part = await body?.next();
    expectOpen(response);
    response.writeHead(answer.status, Object.fromEntries(answer.header ?? []));
    for (; part !== undefined && part.done !== true; part = await body?.next()) {
      expectOpen(response);
      if (!write(response, part.value)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    expectOpen(response);
    if (answer.trailer !== undefined) response.addTrailers(Object.fromEntries(answer.trailer));
    response.end();
  } catch (error) {
    body?.return?.().catch(() => {});
    throw error;
  }
}

function headersOf({ headers }: NodeRequest): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    if (typeof value === 'string') result.set(name, value);
    else for (const each of value) result.append(name, each);
  }
  return result;
}

function expectOpen(response: NodeResponse): void {
  const isGone = 'stream' in response ? response.stream.destroyed || response.stream.closed : response.destroyed;
  if (isGone) throw CLIENT_GONE;
}

/** The two kinds of responses have signatures that do not unite. */
function write(response: NodeResponse, part: Uint8Array): boolean {
  return 'stream' in response ? response.write(part) : response.write(part);
}
