import { type DescMethodUnary, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import { ConnectError, type Transport } from '@connectrpc/connect';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ErrorDetailSchema } from '../../src/gen/coordinator/v1/errors_pb.js';
import { type ClientAdapter, type JsonMessage, type Outcome, STATUSES } from './client-adapter.js';

/** Connect for ECMAScript, over any transport; in Node.js and, bundled, in a browser. */
export function connectClient(transport: Transport, close: () => void = () => {}): ClientAdapter {
  return {
    call: (rpc, request, headers) => connectCall(transport, rpc, request, headers),
    close: async () => close(),
  };
}

export async function connectCall(
  transport: Transport,
  rpc: string,
  request: JsonMessage,
  headers: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const method = CoordinatorService.methods.find(({ name }) => name === rpc);
  if (method === undefined) throw new Error(`there is no RPC ${rpc}`);
  try {
    const message = fromJson(method.input, request as JsonObject);
    const response = await transport.unary(method as DescMethodUnary, undefined, undefined, headers, message);
    return { answer: toJson(method.output, response.message) as JsonObject };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const [detail] = error.findDetails(ErrorDetailSchema);
    const errorCode = error.metadata.get('coordinator-error-code') ?? undefined;
    if (detail?.message !== error.rawMessage) throw new Error(`no ErrorDetail in ${error.message}`);
    return { failure: { status: STATUSES[error.code] ?? '', message: error.rawMessage, errorCode } };
  }
}
