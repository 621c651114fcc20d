import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFileRegistry, type DescFile, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const DOCUMENT = fileURLToPath(new URL('../../docs/api-contract.md', import.meta.url));
const BUF = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));
const PROTOBUF_BLOCK = /^```protobuf\n(.*?)^```$/gms;

/** The protobuf blocks of the contract's document as one file. Protobuf lets a name be used before it is declared. */
export function contractText(packageLine: string): string {
  const blocks = [...readFileSync(DOCUMENT, 'utf8').matchAll(PROTOBUF_BLOCK)].map(([, block]) => block);
  return ['syntax = "proto3";', packageLine, ...blocks].join('\n');
}

/** The protobuf blocks of the contract's document, compiled as one file under the package that is served. */
export function compiledContract(): DescFile {
  const folder = mkdtempSync(join(tmpdir(), 'contract-'));
  try {
    writeFileSync(join(folder, 'contract.proto'), contractText('package coordinator.v1;'));
    const image = execFileSync(BUF, ['build', folder, '--output', '-#format=binpb'], {
      maxBuffer: 16 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const file = createFileRegistry(fromBinary(FileDescriptorSetSchema, image)).getFile('contract.proto');
    if (file === undefined) throw new Error('the compiled document has no file');
    return file;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
