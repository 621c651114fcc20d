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

/** The protobuf blocks of the contract's document, compiled as one file under the package that is served. */
export function compiledContract(): DescFile {
  const blocks = [...readFileSync(DOCUMENT, 'utf8').matchAll(PROTOBUF_BLOCK)].map(([, block]) => block);
  const folder = mkdtempSync(join(tmpdir(), 'contract-'));
  try {
    // Every fragment is a whole declaration, and protobuf lets a name be used before it is declared.
    const source = ['syntax = "proto3";', 'package coordinator.v1;', ...blocks].join('\n');
    writeFileSync(join(folder, 'contract.proto'), source);
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
