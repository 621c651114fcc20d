import { dirname, join } from 'node:path';
import type { SourceFile } from './source-files.js';

/** What each folder of src may import besides itself; the arrows of docs/architecture.md. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  ports: ['domain', 'gen'],
  wire: ['domain', 'ports', 'gen'],
  services: ['domain', 'ports', 'wire'],
  'storage-node': ['domain', 'ports', 'wire', 'gen'],
  adapters: ['domain', 'ports', 'wire', 'gen'],
  rpc: ['domain', 'ports', 'wire', 'services', 'gen'],
  server: ['domain', 'ports', 'wire', 'services', 'rpc', 'gen'],
  config: ['domain'],
  compose: ['domain', 'ports', 'wire', 'services', 'storage-node', 'adapters', 'rpc', 'server', 'config', 'gen'],
  cli: ['domain', 'ports', 'wire', 'services', 'storage-node', 'adapters', 'rpc', 'server', 'config', 'compose', 'gen'],
};
const BANNED_NAMES = /(^|\/)(utils?|helpers?|common|manager|types|misc|index)\.ts$/;
const CLOCKS =
  /\b(Date\.|new Date\(\)|setTimeout|setInterval|setImmediate|performance\.|Math\.random|crypto\.random|randomBytes|randomUUID)/;
const MAY_TELL_TIME = /^src\/(adapters|compose|cli|server)\//;
const LINES_MAX = 300;

/** Everything that is wrong with the files, a line each. */
export function untidiness(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => [
    ...(BANNED_NAMES.test(path) ? [`${path}: its name says nothing`] : []),
    ...(text.split('\n').length > LINES_MAX + 1 ? [`${path}: more than ${LINES_MAX} lines`] : []),
    ...(path.startsWith('src/') ? [...wrongImports(path, text), ...wrongWords(path, text)] : []),
  ]);
}

function wrongImports(path: string, text: string): string[] {
  const from = folderOf(path);
  return [...text.matchAll(/from '(\.[^']+)'/g)]
    .map(([, target = '']) => join(dirname(path), target))
    .filter((target) => folderOf(target) !== from && !(ARROWS[from] ?? []).includes(folderOf(target)))
    .map((target) => `${path}: must not import ${target}`);
}

function wrongWords(path: string, text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  const rules: readonly (readonly [boolean, string])[] = [
    [!MAY_TELL_TIME.test(path) && CLOCKS.test(code), 'takes time or randomness from elsewhere than a port'],
    [!path.startsWith('src/config/') && code.includes('process.env'), 'reads the environment'],
    [/\bas any\b|: any\b|<any>/.test(code), 'uses any'],
    [/[\w)\]]!(\.|;|,|\)|\[)/.test(code), 'asserts that something is not null'],
    [/\b(TODO|FIXME|XXX)\b/.test(text), 'holds a note to do something'],
  ];
  return rules.filter(([broken]) => broken).map(([, rule]) => `${path}: ${rule}`);
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}
