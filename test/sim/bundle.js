import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export async function bundleSimulation(folder, mutation) {
  const outfile = join(folder, 'simulation.mjs');
  await build({
    entryPoints: [join(ROOT, 'test/sim/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
    // CommonJS packages inside of the bundle ask for Node's own modules by require.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    plugins: mutation === undefined ? [] : [mutate(mutation)],
  });
  return outfile;
}

function mutate({ file, edits }) {
  return {
    name: 'mutation',
    setup(bundle) {
      bundle.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (path !== join(ROOT, file)) return undefined;
        const source = await readFile(path, 'utf8');
        return { contents: edits.reduce(applyEdit(file), source), loader: 'ts' };
      });
    },
  };
}

function applyEdit(file) {
  return (source, [from, to]) => {
    const parts = source.split(from);
    if (parts.length !== 2) throw new Error(`${file} holds ${JSON.stringify(from)} ${parts.length - 1} times`);
    return parts.join(to);
  };
}
