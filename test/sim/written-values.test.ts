import { describe, expect, it } from 'vitest';
import { nameOf, valueNamed } from './written-values.js';

describe('the values that are written', () => {
  it.each([0, 5, 6, 7, 64 * 1024 + 1])('are told by their names, also when they are %d bytes long', (bytes) => {
    const value = valueNamed('c1-12', bytes);
    expect(value.length).toBe(Math.max(5, bytes));
    expect(nameOf(value)).toBe('c1-12');
  });

  it('are told from values that are not whole', () => {
    const value = Uint8Array.from(valueNamed('c1-12', 1000));
    value[700] = 0x20;
    expect(nameOf(value)).toBe('a garbled c1-12');
  });
});
