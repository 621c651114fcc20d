import { once } from 'node:events';
import { createRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import { createConnectRouter } from '@connectrpc/connect';
import { gzipFast } from '../../src/rpc/gzip-fast.js';
import { Admission } from '../../src/server/admission.js';
import { OnePort } from '../../src/server/one-port.js';
import { portHandlers } from '../../src/server/port-handlers.js';
import { DEFAULT_PORT_LIMITS } from '../../src/server/port-limits.js';
import { RequestBodies } from '../../src/server/request-bodies.js';
import { silentLog } from '../support/silent-log.js';
import { conformanceService } from './conformance-service.js';
import { conformanceUnary } from './conformance-unary.js';
import {
  type ServerCompatRequest,
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from './gen/connectrpc/conformance/v1/server_compat_pb.js';
import {
  ConformanceService,
  file_connectrpc_conformance_v1_service,
} from './gen/connectrpc/conformance/v1/service_pb.js';

const LENGTH_BYTES = 4;

/** Serves the conformance service on the product's own port, as the runner's request on standard input asks. */
async function main(): Promise<void> {
  const request = fromBinary(ServerCompatRequestSchema, await readMessage());
  const { server, certificate } = serverOf(request);
  const { host, port } = await server.listen('127.0.0.1', 0);
  const pemCert = certificate === undefined ? new Uint8Array(0) : Buffer.from(certificate.cert);
  writeMessage(
    toBinary(ServerCompatResponseSchema, { $typeName: ServerCompatResponseSchema.typeName, host, port, pemCert }),
  );
  process.on('SIGTERM', () => process.exit(0));
}

function serverOf({ useTls, serverCreds, messageReceiveLimit }: ServerCompatRequest) {
  const readMaxBytes = messageReceiveLimit || 4 * 1024 * 1024;
  const router = createConnectRouter({
    acceptCompression: [gzipFast],
    jsonOptions: { registry: createRegistry(...nestedTypes(file_connectrpc_conformance_v1_service)) },
    readMaxBytes,
  });
  router.service(ConformanceService, conformanceService);
  const byPath = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const unary = conformanceUnary(readMaxBytes);
  const unaryByPath = new Map([[`/${ConformanceService.typeName}/${ConformanceService.method.unary.name}`, unary]]);
  const services = [{ serviceName: ConformanceService.typeName, service: ConformanceService }];
  const rpc = { byPath, unaryByPath, services, bodyBytesMax: readMaxBytes + 5 };
  const admission = new Admission({ listenHost: '127.0.0.1', origins: [], hosts: [] });
  const handlers = portHandlers({
    rpc,
    admission,
    bodies: new RequestBodies(DEFAULT_PORT_LIMITS.bodies),
    log: silentLog,
    readiness: () => ({ ready: true }),
    version: '0',
  });
  const certificate =
    useTls && serverCreds !== undefined
      ? { cert: Buffer.from(serverCreds.cert).toString(), key: Buffer.from(serverCreds.key).toString() }
      : undefined;
  return { server: new OnePort(handlers, DEFAULT_PORT_LIMITS, certificate), certificate };
}

/** Its length as four bytes, big-endian, then itself. */
async function readMessage(): Promise<Uint8Array> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    if (bytes.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + bytes.readUInt32BE(0);
      if (bytes.length >= end) return bytes.subarray(LENGTH_BYTES, end);
    }
    const [chunk] = (await once(process.stdin, 'data')) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
}

function writeMessage(message: Uint8Array): void {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(message.length);
  process.stdout.write(Buffer.concat([length, message]));
}

await main();
