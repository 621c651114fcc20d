import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fromBinary } from '@bufbuild/protobuf';
import { ErrorCode } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ErrorDetailSchema } from '../../src/gen/coordinator/v1/errors_pb.js';
import { ROOT } from '../support/quorate-process.js';
import type { ClientAdapter, JsonMessage, Outcome } from './client-adapter.js';

const SERVICE = 'coordinator.v1.CoordinatorService';
const BUF = join(ROOT, 'node_modules/.bin/buf');
const READS = ['ReadKeyValue', 'GetTenant', 'GetMigrationStatus', 'ListStorageNodes'];

export function hasCurl(): boolean {
  return spawnSync('curl', ['--version']).status === 0;
}

/** curl with these flags more; the body is what a user types behind `-d`, with no content type of its own. */
export function curlClient(baseUrl: string, flags: readonly string[] = []): ClientAdapter {
  return {
    async call(rpc, request, headers = {}) {
      const more = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
      const url = `${baseUrl}/${SERVICE}/${rpc}`;
      return curlOutcome([...flags, ...more, '-d', '@-', url], JSON.stringify(request));
    },
    close: async () => {},
  };
}

/** Reads by GET, as caches and browsers' address bars can; the rest as `curlClient`. */
export function curlGetClient(baseUrl: string): ClientAdapter {
  const posts = curlClient(baseUrl);
  return {
    async call(rpc, request, headers = {}) {
      if (!READS.includes(rpc)) return posts.call(rpc, request, headers);
      const more = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
      const query = ['--data-urlencode', `message=${JSON.stringify(request)}`, '-d', 'encoding=json&connect=v1'];
      return curlOutcome([...more, '-G', ...query, `${baseUrl}/${SERVICE}/${rpc}`], '');
    },
    close: posts.close,
  };
}

async function curlOutcome(args: readonly string[], input: string): Promise<Outcome> {
  const { stdout } = await run('curl', ['-sS', '-i', '-H', 'Expect:', ...args], input);
  const [head = '', body = ''] = stdout.split(/\r\n\r\n/, 2);
  const answer = JSON.parse(body) as JsonMessage;
  if (/^HTTP\/\S+ 200/.test(head)) return { answer };
  const errorCode = /^coordinator-error-code: (.*)$/im.exec(head)?.[1]?.trim();
  return { failure: { status: String(answer.code), message: String(answer.message), errorCode } };
}

interface BufError {
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly type: string; readonly value: string }[];
}

/** buf curl, which learns by reflection what is served. */
export function bufCurlClient(baseUrl: string, protocol: 'connect' | 'grpc' | 'grpcweb'): ClientAdapter {
  return {
    async call(rpc, request, headers = {}) {
      const more = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
      const flags = ['--http2-prior-knowledge', '--protocol', protocol, '-d', '@-', ...more];
      const { code, stdout, stderr } = await run(
        BUF,
        ['curl', ...flags, `${baseUrl}/${SERVICE}/${rpc}`],
        JSON.stringify(request),
      );
      if (code === 0) return { answer: JSON.parse(stdout) as JsonMessage };
      const error = JSON.parse(stderr) as BufError;
      const [detail] = error.details.filter(({ type }) => type === ErrorDetailSchema.typeName);
      const { code: errorCode } = fromBinary(ErrorDetailSchema, Buffer.from(detail?.value ?? '', 'base64'));
      return { failure: { status: error.code, message: error.message, errorCode: ErrorCode[errorCode] } };
    },
    close: async () => {},
  };
}

async function run(command: string, args: readonly string[], input: string) {
  const child = spawn(command, args);
  const exited = once(child, 'exit');
  // A program that takes no input may have gone before it was given any.
  child.stdin.on('error', () => {}).end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await exited) as [number];
  return { code, stdout, stderr };
}
