import { type DescField, type DescFile, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { CoordinatorService, file_coordinator_v1_coordinator } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { compiledContract } from '../support/contract-text.js';

/** Additions stay clear of the numbers that a later contract may use. */
const ADDITIONS_FROM = 100;

const contract = compiledContract();
const served: DescFile = file_coordinator_v1_coordinator;

it('finds the whole contract in its document', () => {
  const [service, ...others] = contract.services;
  expect(service?.methods).toHaveLength(9);
  expect(others).toEqual([]);
  expect(contract.messages).toHaveLength(22);
  expect(contract.enums.map(({ name }) => name)).toEqual(['ErrorCode']);
});

it('serves the service of the contract: its methods, their inputs and outputs, and nothing else', () => {
  expect(served.services.map(signatures)).toEqual(contract.services.map(signatures));
});

it('serves every message of the contract, and adds none to the file', () => {
  const names = ({ messages }: DescFile) => messages.map(({ typeName }) => typeName).sort();
  expect(names(served)).toEqual(names(contract));
});

describe.each(contract.messages)('$name', (message) => {
  const servedMessage = messageNamed(message.typeName);

  it('has every field with its name, number, type and label', () => {
    const common = servedMessage.fields.filter(({ number }) => number < ADDITIONS_FROM);
    expect(common.map(shapeOf)).toEqual(message.fields.map(shapeOf));
  });

  it('adds no field whose name or number is the contract’s, and none to a oneof', () => {
    const added = servedMessage.fields.filter(({ number }) => number >= ADDITIONS_FROM);
    for (const { name, jsonName, oneof } of added) {
      expect(message.fields.map((field) => field.name)).not.toContain(name);
      expect(message.fields.map((field) => field.jsonName)).not.toContain(jsonName);
      expect(oneof).toBeUndefined();
    }
  });
});

describe.each(contract.enums)('$name', (theirs) => {
  it('has every value with its number, and no other', () => {
    const ours = served.enums.find(({ typeName }) => typeName === theirs.typeName);
    const values = ({ values }: typeof theirs) => values.map(({ name, number }) => ({ name, number }));
    expect(ours && values(ours)).toEqual(values(theirs));
  });
});

it('answers GET for the reads alone', () => {
  const reads = CoordinatorService.methods.filter(
    ({ idempotency }) => idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
  );
  expect(reads.map(({ name }) => name)).toEqual([
    'ReadKeyValue',
    'GetTenant',
    'GetMigrationStatus',
    'ListStorageNodes',
  ]);
});

function messageNamed(typeName: string): DescMessage {
  const message = served.messages.find((candidate) => candidate.typeName === typeName);
  if (message === undefined) throw new Error(`${typeName} is not served`);
  return message;
}

function signatures({ typeName, methods }: DescFile['services'][number]): object {
  const signature = ({ name, methodKind, input, output }: (typeof methods)[number]) =>
    `${methodKind} ${name}(${input.typeName}) returns (${output.typeName})`;
  return { typeName, methods: methods.map(signature) };
}

function shapeOf(field: DescField): object {
  const { name, jsonName, number, fieldKind, presence } = field;
  return {
    name,
    jsonName,
    number,
    type: typeOf(field),
    label: fieldKind,
    presence: FeatureSet_FieldPresence[presence],
  };
}

function typeOf(field: DescField): string {
  if (field.enum !== undefined) return field.enum.typeName;
  if (field.message !== undefined) return field.message.typeName;
  return field.scalar === undefined ? 'map' : ScalarType[field.scalar];
}
