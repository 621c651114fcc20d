import type { DescService, MessageInitShape } from '@bufbuild/protobuf';
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
} from '../../src/gen/grpc/reflection/v1/reflection_pb.js';
import { ALIASES, type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

type Question = ServerReflectionRequest;

const ALIAS_NAMES = ALIASES.map(({ serviceName }) => serviceName);
let served: ServedCoordinator;
let transport: Transport;

beforeAll(async () => {
  served = await serveCoordinator();
  transport = createGrpcTransport({ baseUrl: served.baseUrl });
});
afterAll(() => served.stop());

describe.each(['v1', 'v1alpha'])('grpc.reflection.%s', (version) => {
  const ask = async (...questions: Question[]) => {
    async function* requests() {
      yield* questions;
    }
    // Both versions have the same messages; only the service's name differs.
    const service = { ...ServerReflection, typeName: `grpc.reflection.${version}.ServerReflection` };
    const client = createClient(renamed(service), transport);
    const answers = [];
    for await (const answer of client.serverReflectionInfo(requests())) answers.push(answer);
    return answers;
  };
  const asked = async (messageRequest: Question['messageRequest']) => {
    const [answer] = await ask(question({ messageRequest }));
    return answer?.messageResponse;
  };
  const symbol = (value: string) => asked({ case: 'fileContainingSymbol', value });
  const registryOf = async (name: string) => {
    const answer = await symbol(name);
    if (answer?.case !== 'fileDescriptorResponse') throw new Error(`no file has ${name}`);
    const file = answer.value.fileDescriptorProto
      .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
      .reverse();
    return createFileRegistry(create(FileDescriptorSetSchema, { file }));
  };

  it('lists every service, by all its names', async () => {
    const answer = await asked({ case: 'listServices', value: '*' });
    const names = answer?.case === 'listServicesResponse' ? answer.value.service.map(({ name }) => name) : [];
    expect(names.sort()).toEqual(
      [
        CoordinatorService.typeName,
        ...ALIAS_NAMES,
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ].sort(),
    );
  });

  it.each([CoordinatorService.typeName, ...ALIAS_NAMES])(
    'describes %s with all that its methods need',
    async (name) => {
      const service = (await registryOf(name)).getService(name) as DescService;
      expect(service.methods.map((method) => [method.name, method.input.typeName, method.output.typeName])).toEqual(
        CoordinatorService.methods.map((method) => [method.name, method.input.typeName, method.output.typeName]),
      );
      expect(service.methods.map(({ idempotency }) => idempotency)).toEqual(
        CoordinatorService.methods.map(({ idempotency }) => idempotency),
      );
    },
  );

  it.each([
    'coordinator.v1.CoordinatorService.ReadKeyValue',
    'CoordinatorService.ReadKeyValue',
    'coordinator.v1.WriteKeyValueRequest',
    'coordinator.v1.WriteKeyValueRequest.idempotency_key',
    'coordinator.v1.ErrorCode',
    'coordinator.v1.KEY_NOT_FOUND',
    'coordinator.v1.ErrorDetail',
    'grpc.health.v1.HealthCheckResponse.ServingStatus',
    'grpc.health.v1.HealthCheckResponse.NOT_SERVING',
    'grpc.reflection.v1.ServerReflectionRequest.message_request',
    'grpc.reflection.v1alpha.ServerReflection',
  ])('finds the file of %s', async (name) => {
    expect((await symbol(name))?.case).toBe('fileDescriptorResponse');
  });

  it('finds files by their names, with those that they import', async () => {
    const answer = await asked({ case: 'fileByFilename', value: 'alias/CoordinatorService.proto' });
    const files = answer?.case === 'fileDescriptorResponse' ? answer.value.fileDescriptorProto : [];
    const names = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
    expect(names).toEqual(
      expect.arrayContaining(['alias/CoordinatorService.proto', 'coordinator/v1/coordinator.proto']),
    );
  });

  it.each<[string, Question['messageRequest'], Code]>([
    ['a symbol', { case: 'fileContainingSymbol', value: 'no.Such' }, Code.NotFound],
    ['a file', { case: 'fileByFilename', value: 'no.proto' }, Code.NotFound],
    [
      'an extension',
      {
        case: 'fileContainingExtension',
        value: {
          $typeName: 'grpc.reflection.v1.ExtensionRequest',
          containingType: CoordinatorService.methods[0]?.input.typeName ?? '',
          extensionNumber: 100,
        },
      },
      Code.NotFound,
    ],
    ['a message', { case: 'allExtensionNumbersOfType', value: 'no.Such' }, Code.NotFound],
    ['anything', { case: undefined }, Code.InvalidArgument],
  ])('says when it does not have %s, and goes on', async (_what, messageRequest, errorCode) => {
    const list = question({ messageRequest: { case: 'listServices', value: '' } });
    const [refused, next] = await ask(question({ messageRequest }), list);
    expect(refused?.messageResponse).toMatchObject({ case: 'errorResponse', value: { errorCode } });
    expect(next?.messageResponse.case).toBe('listServicesResponse');
  });

  it('knows messages that have no extensions', async () => {
    const value = 'coordinator.v1.WriteKeyValueRequest';
    expect(await asked({ case: 'allExtensionNumbersOfType', value })).toMatchObject({
      case: 'allExtensionNumbersResponse',
      value: { baseTypeName: value, extensionNumber: [] },
    });
  });

  it('repeats the question and the host', async () => {
    const messageRequest = { case: 'listServices', value: '' } as const;
    const [answer] = await ask(question({ host: 'store.example', messageRequest }));
    expect(answer).toMatchObject({
      validHost: 'store.example',
      originalRequest: { host: 'store.example', messageRequest },
    });
  });
});

function question(init: MessageInitShape<typeof ServerReflectionRequestSchema>): Question {
  return create(ServerReflectionRequestSchema, init);
}

/** Methods know their service by reference. */
function renamed(service: typeof ServerReflection): typeof ServerReflection {
  const methods = service.methods.map((method) => ({ ...method, parent: service }));
  const [info] = methods;
  return Object.assign(service, { methods, method: { serverReflectionInfo: info } }) as typeof ServerReflection;
}
