import { create, type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  MethodDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

/** A service as it is served: under its own full name, or under another one. */
export interface ServedService {
  readonly serviceName: string;
  readonly service: DescService;
}

/** The protobuf files that define the served services, by file name and by the names of what they define. */
export class FileIndex {
  readonly #files = new Map<string, FileDescriptorProto>();
  readonly #fileOfSymbol = new Map<string, string>();
  readonly #messages = new Set<string>();

  /** @param more files that no service imports: what they define travels in the details of errors */
  constructor(services: readonly ServedService[], more: readonly DescFile[]) {
    for (const file of more) this.#add(file);
    for (const { serviceName, service } of services) {
      this.#add(service.file);
      if (serviceName !== service.typeName) this.#addAlias(serviceName, service);
    }
  }

  /** The file and all that it imports, serialized; undefined for an unknown one. */
  fileByName(name: string): Uint8Array[] | undefined {
    const found = new Map<string, FileDescriptorProto>();
    const collect = (fileName: string) => {
      const file = this.#files.get(fileName);
      if (file === undefined || found.has(fileName)) return;
      found.set(fileName, file);
      for (const imported of file.dependency) collect(imported);
    };
    collect(name);
    return found.size === 0 ? undefined : [...found.values()].map((file) => toBinary(FileDescriptorProtoSchema, file));
  }

  /** @param symbol the full name of a service, method, message, field, enum or enum value */
  fileBySymbol(symbol: string): Uint8Array[] | undefined {
    const name = this.#fileOfSymbol.get(symbol);
    return name === undefined ? undefined : this.fileByName(name);
  }

  hasMessage(typeName: string): boolean {
    return this.#messages.has(typeName);
  }

  #add(file: DescFile): void {
    const { name } = file.proto;
    if (this.#files.has(name)) return;
    this.#files.set(name, file.proto);
    for (const symbol of symbolsOf(file)) this.#fileOfSymbol.set(symbol, name);
    for (const type of nestedTypes(file)) if (type.kind === 'message') this.#messages.add(type.typeName);
    for (const imported of file.dependencies) this.#add(imported);
  }

  /** A file that defines the service once more, in the alias's package and with the same messages. */
  #addAlias(serviceName: string, service: DescService): void {
    const [, packageName = '', name = serviceName] = /^(.*)\.([^.]+)$/.exec(serviceName) ?? [];
    const fileName = `alias/${serviceName}.proto`;
    const method = service.methods.map(({ proto, input, output }) =>
      create(MethodDescriptorProtoSchema, {
        ...proto,
        inputType: `.${input.typeName}`,
        outputType: `.${output.typeName}`,
      }),
    );
    const file = create(FileDescriptorProtoSchema, {
      name: fileName,
      package: packageName,
      syntax: 'proto3',
      dependency: [service.file.proto.name],
      service: [{ name, method }],
    });
    this.#files.set(fileName, file);
    for (const symbol of [serviceName, ...method.map((each) => `${serviceName}.${each.name}`)]) {
      this.#fileOfSymbol.set(symbol, fileName);
    }
  }
}

function* symbolsOf(file: DescFile): Generator<string> {
  for (const type of nestedTypes(file)) {
    yield type.typeName;
    switch (type.kind) {
      case 'message':
        for (const { name } of [...type.fields, ...type.oneofs]) yield `${type.typeName}.${name}`;
        break;
      case 'enum':
        // Values are named beside their enum, not within it.
        for (const { name } of type.values) yield type.typeName.replace(/[^.]+$/, name);
        break;
      case 'service':
        for (const { name } of type.methods) yield `${type.typeName}.${name}`;
    }
  }
}
