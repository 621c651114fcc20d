import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, type ServiceImpl } from '@connectrpc/connect';
import { file_coordinator_v1_errors } from '../gen/coordinator/v1/errors_pb.js';
import type {
  ServerReflection,
  ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from '../gen/grpc/reflection/v1/reflection_pb.js';
import { FileIndex, type ServedService } from './file-index.js';

type Question = ServerReflectionRequest['messageRequest'];
type Answer = NonNullable<
  Exclude<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse'], undefined>
>;

/** The same messages under the older name, which grpcui and Postman ask for. */
export const REFLECTION_ALIAS = 'grpc.reflection.v1alpha.ServerReflection';

/** The standard reflection service, by which command-line clients learn what is served. */
export function reflectionRoutes(services: readonly ServedService[]): ServiceImpl<typeof ServerReflection> {
  const index = new FileIndex(services, [file_coordinator_v1_errors]);
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        const messageResponse = answerTo(request.messageRequest, index, services);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  };
}

function answerTo(question: Question, index: FileIndex, services: readonly ServedService[]): Answer {
  switch (question.case) {
    case 'listServices':
      return {
        case: 'listServicesResponse',
        value: { service: services.map(({ serviceName }) => ({ name: serviceName })) },
      };
    case 'fileByFilename':
      return files(index.fileByName(question.value), `file ${question.value}`);
    case 'fileContainingSymbol':
      return files(index.fileBySymbol(question.value), `symbol ${question.value}`);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = question.value;
      return refusal(Code.NotFound, `there is no extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType':
      if (!index.hasMessage(question.value)) return refusal(Code.NotFound, `there is no message ${question.value}`);
      return { case: 'allExtensionNumbersResponse', value: { baseTypeName: question.value, extensionNumber: [] } };
    default:
      return refusal(Code.InvalidArgument, 'the request asks for nothing');
  }
}

function files(fileDescriptorProto: Uint8Array[] | undefined, what: string): Answer {
  if (fileDescriptorProto === undefined) return refusal(Code.NotFound, `there is no ${what}`);
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function refusal(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}
