/** A value of at least the given length that can be told by its name: the name, again and again. */
export function valueNamed(name: string, bytes: number): Uint8Array {
  return bytes <= name.length ? Buffer.from(name) : Buffer.alloc(bytes, `${name}\n`);
}

/** The name of a value that came back; something that nobody wrote where the value is not whole. */
export function nameOf(value: Uint8Array): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const end = bytes.indexOf('\n');
  if (end === -1) return bytes.toString();
  const name = bytes.toString('utf8', 0, end);
  return bytes.equals(valueNamed(name, bytes.length)) ? name : `a garbled ${name}`;
}
