import type { DescField, DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { SeededChoice } from '../sim/seeded-choice.js';

const TEXTS = [
  ...[
    '',
    'k',
    't',
    'n1',
    'c1',
    'quorum',
    'all',
    'one',
    'ONE',
    'most',
    '127.0.0.1',
    '::1',
    'zone-a',
    '../../etc/passwd',
  ],
  ...["'; drop table tenants; --", '<script>', '\u0000', 'a\u0000b', '\ud83d\udd11', 'ü'.repeat(600), 'x'.repeat(129)],
  ...[
    'x'.repeat(1025),
    'y'.repeat(70_000),
    '00000000-0000-7000-8000-000000000000',
    '\r\nx: y',
    '%00',
    '\u202e',
    '__proto__',
  ],
];
const NUMBERS = [
  0,
  1,
  2,
  3,
  10,
  11,
  150,
  -1,
  65_535,
  65_536,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  2 ** 53,
  1.5,
  1e308,
  -0,
];
const JSON_ODDITIES: readonly unknown[] = [
  null,
  true,
  [],
  {},
  '',
  '1e3',
  'NaN',
  [[]],
  { a: 1 },
  'not base64 %',
  'AA==',
  'A',
];

/** A message in JSON, most of whose fields are of the right kind, and all of them of nasty values. */
export function nastyJson(desc: DescMessage, choice: SeededChoice): string {
  const entries = desc.fields
    .filter(() => choice.chance(0.8))
    .map((field) => {
      const name = choice.chance(0.2) ? field.name : field.jsonName;
      return `${JSON.stringify(name)}:${JSON.stringify(choice.chance(0.1) ? choice.oneOf(JSON_ODDITIES) : jsonOf(field, choice))}`;
    });
  if (choice.chance(0.05)) entries.push('"unknown":1');
  const text = `{${entries.join()}}`;
  return choice.chance(0.1) ? mutated(Buffer.from(text), choice).toString('latin1') : text;
}

function jsonOf(field: DescField, choice: SeededChoice): unknown {
  if (field.fieldKind !== 'scalar') return choice.oneOf(JSON_ODDITIES);
  switch (kindOf(field.scalar)) {
    case 'text':
      return choice.oneOf(TEXTS);
    case 'bytes':
      return Buffer.from(nastyBytes(choice)).toString('base64');
    case 'switch':
      return choice.chance(0.5);
    default:
      return choice.oneOf(NUMBERS);
  }
}

/** A message in binary, with fields of wrong types and unknown ones among them, sometimes cut or changed. */
export function nastyBinary(desc: DescMessage, choice: SeededChoice): Uint8Array {
  const writer = new BinaryWriter();
  for (const field of desc.fields) {
    if (choice.chance(0.8)) writeField(writer, field.number, choice);
  }
  while (choice.chance(0.1)) writeField(writer, choice.integer(1, 200), choice);
  const bytes = writer.finish();
  return choice.chance(0.2) ? mutated(bytes, choice) : bytes;
}

function writeField(writer: BinaryWriter, number: number, choice: SeededChoice): void {
  switch (choice.integer(0, 5)) {
    case 0:
      writer.tag(number, WireType.Varint).int64(BigInt(choice.integer(-(2 ** 40), 2 ** 40)));
      return;
    case 1:
      writer.tag(number, WireType.Bit64).fixed64(BigInt(choice.integer(0, 2 ** 50)));
      return;
    case 2:
      writer.tag(number, WireType.LengthDelimited).bytes(nastyBytes(choice));
      return;
    default:
      writer.tag(number, WireType.LengthDelimited).string(choice.oneOf(TEXTS));
  }
}

function nastyBytes(choice: SeededChoice): Uint8Array {
  const size = choice.oneOf([0, 1, 10, 100, 1000, 100_000]);
  return Uint8Array.from({ length: size }, () => choice.integer(0, 255));
}

/** Bits flipped, parts cut out, doubled or overwritten. */
export function mutated(bytes: Uint8Array, choice: SeededChoice): Buffer {
  let result = Buffer.from(bytes);
  for (let i = choice.integer(1, 4); i > 0 && result.length > 0; i--) {
    const at = choice.integer(0, result.length - 1);
    const end = Math.min(result.length, at + choice.integer(1, 20));
    switch (choice.integer(0, 3)) {
      case 0:
        result[at] = choice.integer(0, 255);
        break;
      case 1:
        result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, end), result.subarray(at)]);
        break;
      default:
        result = result.subarray(0, at);
    }
  }
  return result;
}

function kindOf(type: ScalarType): 'text' | 'bytes' | 'switch' | 'number' {
  // The numbers of descriptor.proto.
  if (type === 9) return 'text';
  if (type === 12) return 'bytes';
  return type === 8 ? 'switch' : 'number';
}
