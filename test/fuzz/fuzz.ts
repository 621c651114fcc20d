import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { frame, PREFACE, SETTINGS } from '../server/http2-frames.js';
import { SeededChoice } from '../sim/seeded-choice.js';
import { seededRandom } from '../support/seeded-random.js';
import { mutated, nastyBinary, nastyJson } from './nasty-values.js';
import { type Answer, ask, send } from './peers.js';

export interface FuzzReport {
  readonly requests: number;
  /** What was found, each with what replays it. */
  readonly findings: readonly string[];
}

/** What no answer may show: stacks, files of ours, statements. */
const LEAKS = [
  /\n\s+at \S+ \(/,
  /node_modules/,
  /\/(src|dist)\/\w+/,
  /\.(ts|js):\d+/,
  /\binsert into\b/i,
  /\bselect .* from\b/i,
];
const FINDINGS_MAX = 20;
const IN_FLIGHT = 8;

/** Asks and torments a coordinator until the time is over; everything is drawn from the seed. */
export async function fuzz(baseUrl: string, seed: number, durationMs: number): Promise<FuzzReport> {
  const untilMs = performance.now() + durationMs;
  const findings: string[] = [];
  let requests = 0;
  const work = async (worker: number) => {
    for (let turn = 0; performance.now() < untilMs && findings.length < FINDINGS_MAX; turn++) {
      const own = `${seed}/${worker}/${turn}`;
      const choice = new SeededChoice(seededRandom(seed * 1_000_003 + worker * 7919 + turn));
      const attempt = choice.oneOf(ATTEMPTS);
      requests++;
      const finding = await attempt(baseUrl, choice).catch((error: unknown) => `${error}`);
      if (finding !== undefined) findings.push(`${own} ${attempt.name}: ${finding}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, worker) => work(worker)));
  return { requests, findings };
}

/** @returns what is wrong, with the bytes that show it */
type Attempt = (baseUrl: string, choice: SeededChoice) => Promise<string | undefined>;

const ATTEMPTS: readonly Attempt[] = [
  connectJson,
  connectBinary,
  grpc,
  grpcWeb,
  connectGet,
  http1Bytes,
  http2Bytes,
  control,
];

async function connectJson(baseUrl: string, choice: SeededChoice) {
  const { name, input } = choice.oneOf(CoordinatorService.methods);
  return rpc(baseUrl, name, 'application/json', Buffer.from(nastyJson(input, choice), 'utf8'), choice);
}

async function connectBinary(baseUrl: string, choice: SeededChoice) {
  const { name, input } = choice.oneOf(CoordinatorService.methods);
  return rpc(baseUrl, name, 'application/proto', nastyBinary(input, choice), choice);
}

async function grpc(baseUrl: string, choice: SeededChoice) {
  const { name, input } = choice.oneOf(CoordinatorService.methods);
  return rpc(
    baseUrl,
    name,
    choice.oneOf(['application/grpc', 'application/grpc+proto']),
    enveloped(nastyBinary(input, choice), choice),
    choice,
  );
}

async function grpcWeb(baseUrl: string, choice: SeededChoice) {
  const { name, input } = choice.oneOf(CoordinatorService.methods);
  const json = choice.chance(0.3);
  const message = json ? Buffer.from(nastyJson(input, choice)) : nastyBinary(input, choice);
  return rpc(baseUrl, name, `application/grpc-web+${json ? 'json' : 'proto'}`, enveloped(message, choice), choice);
}

async function connectGet(baseUrl: string, choice: SeededChoice) {
  const { name, input } = choice.oneOf(CoordinatorService.methods);
  const message = encodeURIComponent(nastyJson(input, choice));
  const query = choice.oneOf([
    `connect=v1&encoding=json&message=${message}`,
    `connect=v1&encoding=proto&base64=1&message=${Buffer.from(nastyBinary(input, choice)).toString('base64url')}`,
    `encoding=xml&message=${message}`,
    `message=%ff%fe&encoding=json&compression=gzip&connect=v1`,
    `${'a'.repeat(choice.integer(0, 5000))}`,
  ]);
  const path = `/${CoordinatorService.typeName}/${name}?${query}`.slice(0, 15_000);
  return verdict(await ask(baseUrl, { ':path': path }, undefined), path);
}

/** The bytes of a request of HTTP/1.1, changed. */
async function http1Bytes(baseUrl: string, choice: SeededChoice) {
  const { name, input } = choice.oneOf(CoordinatorService.methods);
  const body = nastyJson(input, choice);
  const head = [
    `POST /${CoordinatorService.typeName}/${name} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  return bytes(baseUrl, mutated(Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`), choice));
}

/** Frames of HTTP/2 with random types, flags, streams and payloads behind a good preface. */
async function http2Bytes(baseUrl: string, choice: SeededChoice) {
  const frames = Array.from({ length: choice.integer(1, 10) }, () => {
    const payload = Buffer.from(Array.from({ length: choice.integer(0, 200) }, () => choice.integer(0, 255)));
    return frame(choice.integer(0, 12), choice.integer(0, 255), payload, choice.integer(0, 20));
  });
  return bytes(baseUrl, Buffer.concat([PREFACE, choice.chance(0.9) ? SETTINGS : Buffer.alloc(0), ...frames]));
}

/** A plain good call works whatever goes on beside it. */
async function control(baseUrl: string) {
  const body = Buffer.from('{}');
  const headers = { ':path': `/${CoordinatorService.typeName}/ListStorageNodes`, 'content-type': 'application/json' };
  const { status, text } = await ask(baseUrl, headers, body);
  return status === 200 && text.includes('"success":true')
    ? undefined
    : `a good call got ${status}: ${text.slice(0, 200)}`;
}

async function rpc(baseUrl: string, name: string, type: string, body: Uint8Array, choice: SeededChoice) {
  const odd = {
    'grpc-timeout': ['1S', '0m', '99999999H', 'soon'],
    'connect-timeout-ms': ['1', '0', '5000', '-1'],
    'coordinator-errors': ['inline', 'status', 'loud'],
    'grpc-encoding': ['gzip', 'br', 'identity'],
    'content-encoding': ['gzip', 'identity', 'zstd'],
    'accept-encoding': ['gzip', '*'],
  };
  const extra = Object.entries(odd).filter(() => choice.chance(0.08));
  const headers = Object.fromEntries(extra.map(([header, values]) => [header, choice.oneOf(values)]));
  const path = `/${CoordinatorService.typeName}/${choice.chance(0.02) ? `${name}x` : name}`;
  const answer = await ask(baseUrl, { ':path': path, 'content-type': type, ...headers }, body);
  return verdict(
    answer,
    `${path} ${type} ${JSON.stringify(headers)} ${Buffer.from(body).toString('hex').slice(0, 4000)}`,
  );
}

function verdict({ status, headers, trailers, text }: Answer, request: string): string | undefined {
  const leak = leakIn(`${text}${JSON.stringify(headers)}${JSON.stringify(trailers)}`);
  if (leak !== undefined) return `an answer shows ${leak}: ${request}`;
  const grpcStatus = trailers['grpc-status'] ?? headers['grpc-status'];
  const failed = status !== 200 || (grpcStatus !== undefined && grpcStatus !== '0');
  const code = trailers['coordinator-error-code'] ?? headers['coordinator-error-code'];
  if (failed && code === undefined && status !== 404) return `a failure (${status}) bears no error code: ${request}`;
  if (code === 'INTERNAL_ERROR' && /request id/.test(`${text}${JSON.stringify(trailers)}`))
    return `it broke: ${request}`;
  return undefined;
}

async function bytes(baseUrl: string, sent: Uint8Array): Promise<string | undefined> {
  const { hostname, port } = new URL(baseUrl);
  const leak = leakIn(await send(hostname, Number(port), sent));
  return leak === undefined ? undefined : `an answer shows ${leak}: ${Buffer.from(sent).toString('hex')}`;
}

function leakIn(text: string): string | undefined {
  for (const pattern of LEAKS) {
    const [found] = pattern.exec(text) ?? [];
    if (found !== undefined) return JSON.stringify(found);
  }
  return undefined;
}

function enveloped(message: Uint8Array, choice: SeededChoice): Buffer {
  const head = Buffer.alloc(5);
  head[0] = choice.chance(0.95) ? 0 : choice.integer(0, 255);
  head.writeUInt32BE(message.length, 1);
  const whole = Buffer.concat([head, message]);
  return choice.chance(0.15) ? mutated(whole, choice) : whole;
}
