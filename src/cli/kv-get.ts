import { Command } from 'commander';
import { clientOf, withServer } from './coordinator-client.js';

export function kvGetCommand(): Command {
  return withServer(new Command('get'))
    .description("Writes a key's value to standard output, byte for byte.")
    .argument('<tenant>')
    .argument('<key>')
    .option('--consistency <LEVEL>', 'one, quorum or all', 'quorum')
    .action(async (tenantId: string, key: string, options: { readonly consistency: string }, self: Command) => {
      const { value } = await clientOf(self).readKeyValue({ tenantId, key, consistency: options.consistency });
      process.stdout.write(value);
    });
}
