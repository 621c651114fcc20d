import fc from 'fast-check';
import { expect, it } from 'vitest';
import { spellGrpcMessage } from '../../src/rpc/grpc-message.js';

function spelt(message: string): string | null {
  const trailer = new Headers({ 'grpc-message': encodeURIComponent(message) });
  spellGrpcMessage(trailer);
  return trailer.get('grpc-message');
}

it.each([
  ['KEY_NOT_FOUND: key "k" does not exist', 'KEY_NOT_FOUND: key "k" does not exist'],
  ['100 % of it', '100 %25 of it'],
  ['ü\n🔑', '%C3%BC%0A%F0%9F%94%91'],
])('spells %j as %s', (message, expected) => {
  expect(spelt(message)).toBe(expected);
});

it('is undone by every way to decode it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      // Values of headers lose white space at their ends.
      const message = `<${text}>`;
      expect(decodeURIComponent(spelt(message) ?? '')).toBe(message);
    }),
  );
});

it('leaves trailers alone that have none', () => {
  const trailer = new Headers({ 'grpc-status': '0' });
  spellGrpcMessage(trailer);
  expect([...trailer]).toEqual([['grpc-status', '0']]);
});
