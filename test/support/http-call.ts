import { once } from 'node:events';
import { Agent, request as http1Request, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';

export interface HttpCall {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One HTTP/1.1 request with these headers and no others of a browser's or a library's own; on a connection of its own by default. */
export async function http1Call(url: string, call: HttpCall = {}): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body, agent = new Agent({ keepAlive: false }) } = call;
  const options: RequestOptions = { method, headers, agent };
  const sent = http1Request(url, options);
  const answered = once(sent, 'response');
  sent.end(body);
  const [response] = await answered;
  return { status: response.statusCode, headers: response.headers, text: await text(response) };
}

/** The same over HTTP/2 with prior knowledge, on a connection of its own. */
export async function http2Call(url: string, call: HttpCall = {}): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body } = call;
  const { origin, pathname, search } = new URL(url);
  const session = connect(origin);
  try {
    const sent = session.request({ ':method': method, ':path': `${pathname}${search}`, ...headers });
    const answered = once(sent, 'response');
    sent.end(body);
    const [answerHeaders] = await answered;
    return { status: answerHeaders[':status'], headers: answerHeaders, text: await text(sent) };
  } finally {
    session.close();
  }
}

/** One call of an RPC in JSON. */
export function postJson(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  return http1Call(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}
