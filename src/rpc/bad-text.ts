import type { DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * The first string field of a message whose bytes are no UTF-8. The decoder refuses the whole message without saying where,
 * so the wire is walked once more.
 * @returns the field's name; undefined when there is none, or the bytes are no message at all
 */
export function badTextField(desc: DescMessage, bytes: Uint8Array): string | undefined {
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const field = desc.fields.find((one) => one.number === number);
      if (wireType === WireType.LengthDelimited && field?.fieldKind === 'scalar') {
        if (!isText(reader.bytes())) return field.name;
      } else reader.skip(wireType, number);
    }
  } catch {
    // Malformed in another way, which the decoder has told.
  }
  return undefined;
}

function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
