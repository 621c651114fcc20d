import { create, createFileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { file_storage_v1_storage } from '../../dist/gen/storage/v1/storage_pb.js';

/** The stream's frames, one request and one answer a call: what the batched stream is compared with. */
const file = create(FileDescriptorProtoSchema, {
  name: 'bench.proto',
  package: 'bench',
  syntax: 'proto3',
  dependency: [file_storage_v1_storage.proto.name],
  service: [
    {
      name: 'UnaryReplicaService',
      method: [{ name: 'Call', inputType: '.storage.v1.ExchangeRequest', outputType: '.storage.v1.ExchangeResponse' }],
    },
  ],
});

const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file_storage_v1_storage.proto, file] }));
export const UNARY_SERVICE = registry.getService('bench.UnaryReplicaService');
