import { describe, expect, it } from 'vitest';
import { type SourceFile, sourceFiles } from './support/source-files.js';
import { untidiness } from './support/tidy-rules.js';

describe('the tree', () => {
  it('keeps the arrows, the sizes and the words of the house style', () => {
    expect(untidiness([...sourceFiles('src'), ...sourceFiles('test')])).toEqual([]);
  });

  it.each([
    ['src/domain/x.ts', "import { y } from '../services/y.js';", 'must not import'],
    ['src/services/x.ts', "import { y } from '../adapters/postgres/y.js';", 'must not import'],
    ['src/adapters/a/x.ts', "import { y } from '../../storage-node/y.js';", 'must not import'],
    ['src/services/x.ts', "import { y } from '../storage-node/y.js';", 'must not import'],
    ['src/services/x.ts', "import { y } from '../gen/y_pb.js';", 'must not import'],
    ['src/storage-node/x.ts', "import { y } from '../adapters/y.js';", 'must not import'],
    ['src/storage-node/x.ts', "import { y } from '../services/y.js';", 'must not import'],
    ['src/wire/x.ts', "import {\n  y,\n} from '../services/y.js';", 'must not import'],
    ['src/rpc/x.ts', "import { y } from '../server/y.js';", 'must not import'],
    ['src/rpc/x.ts', "import { y } from '../config/y.js';", 'must not import'],
    ['src/compose/x.ts', "export { y } from '../cli/y.js';", 'must not import'],
    ['src/new-folder/x.ts', "import { y } from '../domain/y.js';", 'must not import'],
    ['src/domain/utils.ts', '', 'its name says nothing'],
    ['src/domain/index.ts', '', 'its name says nothing'],
    ['test/helpers.ts', '', 'its name says nothing'],
    ['src/services/x.ts', 'const now = Date.now();', 'takes time'],
    ['src/services/x.ts', 'const now = new Date();', 'takes time'],
    ['src/rpc/x.ts', 'setInterval(() => {}, 1);', 'takes time'],
    ['src/ports/x.ts', 'setImmediate(() => {});', 'takes time'],
    ['src/wire/x.ts', 'performance.now();', 'takes time'],
    ['src/domain/x.ts', 'Math.random();', 'takes time'],
    ['src/domain/x.ts', "import { randomUUID } from 'node:crypto';", 'takes time'],
    ['src/storage-node/x.ts', 'setTimeout(() => {}, 1);', 'takes time'],
    ['src/cli/x.ts', 'process.env.HOME', 'reads the environment'],
    ['src/wire/x.ts', 'const a = b as any;', 'uses any'],
    ['src/wire/x.ts', 'const a: any[] = b;', 'uses any'],
    ['src/wire/x.ts', 'const a = b!.c;', 'asserts'],
    ['src/wire/x.ts', 'const a = b()!;', 'asserts'],
    ['src/wire/x.ts', '// TODO: later', 'a note'],
    ['src/wire/x.ts', '// FIXME', 'a note'],
    ['test/x.ts', '\n'.repeat(400), 'more than 300 lines'],
    ['src/wire/x.ts', '\n'.repeat(400), 'more than 300 lines'],
  ])('would not keep %s with %j', (path, text, problem) => {
    expect(untidiness([{ path, text }])).toEqual([expect.stringContaining(problem)]);
  });

  it('allows what the house style allows', () => {
    const fine = [
      { path: 'src/cli/x.ts', text: "import { y } from '../compose/y.js';\nconst now = Date.now();" },
      { path: 'src/adapters/x.ts', text: "import { y } from '../gen/y_pb.js';\nsetTimeout(() => {}, 1);" },
      { path: 'src/config/x.ts', text: 'process.env.HOME;\nconst differs = a !== b;' },
      { path: 'src/domain/x.ts', text: "import { y } from './y.js';\n// Not Date.now(): any clock will do." },
    ];
    expect(untidiness(fine)).toEqual([]);
  });

  it('knows generated code in wire, adapters, storage-node, rpc, ports, compose/up and cli only', () => {
    expect(sourceFiles('src').filter(usesGeneratedCodeWrongly)).toEqual([]);
    const text = "import { y } from '../gen/y_pb.js';";
    expect(usesGeneratedCodeWrongly({ path: 'src/server/x.ts', text })).toBe(true);
    expect(usesGeneratedCodeWrongly({ path: 'src/compose/x.ts', text })).toBe(true);
    expect(usesGeneratedCodeWrongly({ path: 'src/compose/up/x.ts', text })).toBe(false);
  });

  it('imports its own files in one way, the one that the arrows are read from', () => {
    expect(sourceFiles('src').filter(importsOddly)).toEqual([]);
    for (const text of [
      "import './x.js';",
      "await import('./x.js')",
      'import { x } from "./x.js";',
      "require('./x.js')",
    ]) {
      expect(importsOddly({ path: 'src/x.ts', text })).toBe(true);
    }
    expect(importsOddly({ path: 'src/x.ts', text: "import { x } from './x.js';" })).toBe(false);
  });
});

function usesGeneratedCodeWrongly({ path, text }: SourceFile): boolean {
  const allowed = /^src\/(wire|adapters|storage-node|rpc|ports|compose\/up|cli)\//;
  return !allowed.test(path) && /['"][^'"\n]*\/gen\//.test(text);
}

function importsOddly({ text }: SourceFile): boolean {
  return /\bimport\s*['"]\.|\b(import|require)\s*\(|\bfrom\s*"|\bfrom'/.test(text);
}
