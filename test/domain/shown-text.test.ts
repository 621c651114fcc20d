import { expect, it } from 'vitest';
import { shownText } from '../../src/domain/shown-text.js';

it.each([
  ['color', '"color"'],
  ['clé/🗝', '"clé/🗝"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['a\u0000b\nc\u001b[31m', '"a\\u0000b\\nc\\u001b[31m"'],
  ['del\u007f csi\u009b bidi\u202e zero\u200b bom\ufeff', '"del\\u007f csi\\u009b bidi\\u202e zero\\u200b bom\\ufeff"'],
  ['x'.repeat(64), `"${'x'.repeat(64)}"`],
  ['x'.repeat(65), `"${'x'.repeat(64)}…"`],
  ['🗝'.repeat(64), `"${'🗝'.repeat(64)}"`],
  ['🗝'.repeat(65), `"${'🗝'.repeat(64)}…"`],
  ['x'.repeat(100_000), `"${'x'.repeat(64)}…"`],
])('shows %j as %s', (text, shown) => {
  expect(shownText(text)).toBe(shown);
});
