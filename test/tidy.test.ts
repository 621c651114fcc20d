import { describe, expect, it } from 'vitest';
import { sourceFiles } from './support/source-files.js';
import { untidiness } from './support/tidy-rules.js';

describe('the tree', () => {
  it('keeps the arrows, the sizes and the words of the house style', () => {
    expect(untidiness([...sourceFiles('src'), ...sourceFiles('test')])).toEqual([]);
  });

  it.each([
    ['src/domain/x.ts', "import { y } from '../services/y.js';", 'must not import'],
    ['src/services/x.ts', "import { y } from '../adapters/postgres/y.js';", 'must not import'],
    ['src/adapters/a/x.ts', "import { y } from '../../storage-node/y.js';", 'must not import'],
    ['src/rpc/x.ts', "import { y } from '../server/y.js';", 'must not import'],
    ['src/domain/utils.ts', '', 'its name says nothing'],
    ['test/helpers.ts', '', 'its name says nothing'],
    ['src/services/x.ts', 'const now = Date.now();', 'takes time'],
    ['src/storage-node/x.ts', 'setTimeout(() => {}, 1);', 'takes time'],
    ['src/cli/x.ts', 'process.env.HOME', 'reads the environment'],
    ['src/wire/x.ts', 'const a = b as any;', 'uses any'],
    ['src/wire/x.ts', 'const a = b!.c;', 'asserts'],
    ['src/wire/x.ts', '// TODO: later', 'a note'],
    ['src/wire/x.ts', '\n'.repeat(400), 'more than 300 lines'],
  ])('would not keep %s with %j', (path, text, problem) => {
    expect(untidiness([{ path, text }])).toEqual([expect.stringContaining(problem)]);
  });
});
