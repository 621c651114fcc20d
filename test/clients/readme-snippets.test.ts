import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessCluster } from '../support/process-cluster.js';
import { killAll, ROOT } from '../support/quorate-process.js';
import { hasCurl } from './command-line-clients.js';

/** What the README says that a coordinator of `npm start` is reached at. */
const WRITTEN = 'http://127.0.0.1:7400';

let cluster: ProcessCluster;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-snippets-'));
  cluster = await ProcessCluster.make();
  const client = await cluster.startThree();
  await client.createTenant({ tenantId: 'demo' });
});
afterAll(async () => {
  await cluster.remove();
  await killAll();
  rmSync(folder, { recursive: true });
});

/** The code blocks of a chapter on a client, for this cluster. */
function snippets(title: string, language: string): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const chapter = readme.split(`\n### ${title}\n`)[1]?.split('\n#')[0] ?? '';
  const blocks = [...chapter.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))];
  return blocks.map(([, code = '']) => code.replaceAll(WRITTEN, cluster.coordinator('c1').url));
}

async function run(command: string, args: readonly string[], cwd = ROOT): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const output = await text(child.stdout);
  expect(await exited).toEqual([0, null]);
  return output;
}

describe("the README's snippets run as they stand", () => {
  it.skipIf(!hasCurl())('for curl (skipped where curl is missing)', async () => {
    const [write = '', read = ''] = snippets('curl', 'sh');
    expect(await run('sh', ['-c', write])).toContain('"success":true');
    expect(await run('sh', ['-c', read])).toContain('"value":"Ymx1ZQ=="');
  });

  it('for buf curl', async () => {
    const [read = ''] = snippets('buf curl', 'sh');
    expect(await run('sh', ['-c', read])).toContain('"tenantId": "demo"');
  });

  it.each([
    ['TypeScript in Node.js', 'blue\n'],
    ['TypeScript in a browser', 'KEY_NOT_FOUND: key "nothing here" does not exist false\n'],
  ])('for %s', async (title, expected) => {
    const [code = ''] = snippets(title, 'ts');
    const name = title.replaceAll(/\W/g, '-');
    writeFileSync(join(folder, `${name}.ts`), code);
    cpSync(join(ROOT, 'src/gen'), join(folder, 'gen'), { recursive: true });
    const outfile = join(folder, `${name}.mjs`);
    await build({
      entryPoints: [join(folder, `${name}.ts`)],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      nodePaths: [join(ROOT, 'node_modules')],
      logLevel: 'error',
    });
    expect(await run(process.execPath, [outfile])).toBe(expected);
  });
});
