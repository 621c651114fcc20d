import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { CoordinatorService } from '../gen/coordinator/v1/coordinator_pb.js';
import { type Call, type CallParts, runCall } from './call.js';
import type { CoordinatorCalls } from './coordinator-calls.js';
import { ERROR_CODE_HEADER, ERRORS_HEADER } from './error-headers.js';

/** The nine RPCs behind Connect's router, which serves every protocol. */
export function coordinatorRoutes(calls: CoordinatorCalls, parts: CallParts): ServiceImpl<typeof CoordinatorService> {
  const route =
    <Input extends DescMessage, Output extends DescMessage>(call: Call<Input, Output>) =>
    async (request: MessageShape<Input>, context: HandlerContext): Promise<MessageShape<Output>> => {
      const { requestHeader, responseHeader, signal } = context;
      const terms = { errors: requestHeader.get(ERRORS_HEADER) ?? undefined, timeoutMs: context.timeoutMs(), signal };
      const { response, errorCode } = await runCall(parts, call, request, terms);
      if (errorCode !== undefined) responseHeader.set(ERROR_CODE_HEADER, errorCode);
      return response;
    };
  return {
    writeKeyValue: route(calls.writeKeyValue),
    readKeyValue: route(calls.readKeyValue),
    createTenant: route(calls.createTenant),
    updateReplicationFactor: route(calls.updateReplicationFactor),
    getTenant: route(calls.getTenant),
    addStorageNode: route(calls.addStorageNode),
    removeStorageNode: route(calls.removeStorageNode),
    getMigrationStatus: route(calls.getMigrationStatus),
    listStorageNodes: route(calls.listStorageNodes),
  };
}
