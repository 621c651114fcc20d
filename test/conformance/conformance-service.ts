import { setTimeout as delay } from 'node:timers/promises';
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  type ConformancePayloadSchema,
  type ConformanceService,
  type Error as ErrorDefinition,
  type Header,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  type StreamResponseDefinition,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from './gen/connectrpc/conformance/v1/service_pb.js';

type Payload = MessageInitShape<typeof ConformancePayloadSchema>;
type Request<Desc extends DescMessage> = MessageShape<Desc>;

/** Answers as each request says, and echoes what it saw: https://github.com/connectrpc/conformance, docs/testing_servers.md */
export const conformanceService: ServiceImpl<typeof ConformanceService> = {
  unary: (request, context) => answerOnce(UnaryRequestSchema, [request], request.responseDefinition, context),
  idempotentUnary: (request, context) =>
    answerOnce(IdempotentUnaryRequestSchema, [request], request.responseDefinition, context),
  unimplemented() {
    throw new ConnectError('not implemented', Code.Unimplemented);
  },
  async clientStream(stream, context) {
    const requests: Request<typeof ClientStreamRequestSchema>[] = [];
    for await (const request of stream) requests.push(request);
    return answerOnce(ClientStreamRequestSchema, requests, requests[0]?.responseDefinition, context);
  },
  async *serverStream(request, context) {
    if (request.responseDefinition !== undefined) addMetadata(context, request.responseDefinition);
    yield* answers(request.responseDefinition, () => infoOf(context, [anyPack(ServerStreamRequestSchema, request)]));
  },
  async *bidiStream(stream, context) {
    const requests: Any[] = [];
    const info = () => infoOf(context, requests);
    let definition: StreamResponseDefinition | undefined;
    let fullDuplex = false;
    let sent = 0;
    for await (const request of stream) {
      if (requests.length === 0 && sent === 0) {
        definition = request.responseDefinition;
        fullDuplex = request.fullDuplex;
        if (definition !== undefined) addMetadata(context, definition);
      }
      requests.push(anyPack(BidiStreamRequestSchema, request));
      if (!fullDuplex) continue;
      const data = definition?.responseData[sent];
      if (data === undefined) break;
      await delay(definition?.responseDelayMs);
      // Later answers repeat the newest request alone.
      const requestInfo = sent === 0 ? info() : create(ConformancePayload_RequestInfoSchema, { requests });
      yield { payload: { data, requestInfo } };
      sent++;
      requests.length = 0;
    }
    yield* answers(definition, info, sent);
  },
};

async function answerOnce<Desc extends DescMessage>(
  schema: Desc,
  requests: readonly Request<Desc>[],
  definition: UnaryResponseDefinition | undefined,
  context: HandlerContext,
): Promise<{ payload: Payload }> {
  const requestInfo = infoOf(
    context,
    requests.map((request) => anyPack(schema, request)),
  );
  if (definition === undefined) return { payload: { requestInfo } };
  addMetadata(context, definition);
  await delay(definition.responseDelayMs);
  const { response } = definition;
  if (response.case === 'error') throw errorOf(response.value, requestInfo);
  return { payload: response.case === 'responseData' ? { requestInfo, data: response.value } : { requestInfo } };
}

/** @param sent so many answers went before */
async function* answers(
  definition: StreamResponseDefinition | undefined,
  info: () => ConformancePayload_RequestInfo,
  sent = 0,
): AsyncGenerator<{ payload: Payload }> {
  if (definition === undefined) return;
  for (const [i, data] of definition.responseData.entries()) {
    if (i < sent) continue;
    await delay(definition.responseDelayMs);
    yield { payload: i === 0 ? { data, requestInfo: info() } : { data } };
  }
  const isBare = definition.responseData.length === 0;
  if (definition.error !== undefined) throw errorOf(definition.error, isBare ? info() : undefined);
}

function infoOf(context: HandlerContext, requests: readonly Any[]): ConformancePayload_RequestInfo {
  const timeoutMs = context.timeoutMs();
  const requestHeaders = [...context.requestHeader].map(([name, value]) => ({ name, value: [value] }));
  const query = [...new URL(context.url).searchParams].map(([name, value]) => ({ name, value: [value] }));
  return create(ConformancePayload_RequestInfoSchema, {
    requestHeaders,
    requests: [...requests],
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.round(timeoutMs)) }),
    ...(context.requestMethod === 'GET' ? { connectGetInfo: { queryParams: query } } : {}),
  });
}

function addMetadata(
  context: HandlerContext,
  definition: { readonly responseHeaders: readonly Header[]; readonly responseTrailers: readonly Header[] },
): void {
  const add = (headers: readonly Header[], target: Headers) => {
    for (const { name, value } of headers) for (const one of value) target.append(name, one);
  };
  add(definition.responseHeaders, context.responseHeader);
  add(definition.responseTrailers, context.responseTrailer);
}

function errorOf(
  { code, message, details }: ErrorDefinition,
  info: ConformancePayload_RequestInfo | undefined,
): ConnectError {
  const error = new ConnectError(message ?? '', code as number as Code);
  const all = info === undefined ? details : [...details, anyPack(ConformancePayload_RequestInfoSchema, info)];
  for (const { typeUrl, value } of all) {
    error.details.push({ type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1), value } as never);
  }
  return error;
}
