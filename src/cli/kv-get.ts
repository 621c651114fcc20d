import { toJsonString } from '@bufbuild/protobuf';
import { Command } from 'commander';
import { ReadKeyValueResponseSchema } from '../gen/coordinator/v1/coordinator_pb.js';
import { clientOf, withServer } from './coordinator-client.js';

const NEWLINE = 0x0a;

interface GetOptions {
  readonly json: boolean;
  readonly consistency: string;
}

export function kvGetCommand(): Command {
  return withServer(new Command('get'))
    .description("Writes a key's value to standard output, byte for byte.")
    .argument('<tenant>')
    .argument('<key>')
    .option('--json', 'with the vector clock, and the value in base64', false)
    .option('--consistency <LEVEL>', 'one, quorum or all', 'quorum')
    .action(async (tenantId: string, key: string, { json, consistency }: GetOptions, self: Command) => {
      const response = await clientOf(self).readKeyValue({ tenantId, key, consistency });
      if (json) {
        const text = toJsonString(ReadKeyValueResponseSchema, response, { alwaysEmitImplicit: true });
        process.stdout.write(`${text}\n`);
        return;
      }
      process.stdout.write(response.value);
      // A prompt would stand right behind it.
      if (process.stdout.isTTY && response.value.at(-1) !== NEWLINE) process.stdout.write('\n');
    });
}
