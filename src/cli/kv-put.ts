import { buffer } from 'node:stream/consumers';
import { Command } from 'commander';
import { clientOf, withServer } from './coordinator-client.js';

interface PutOptions {
  readonly consistency: string;
  readonly idempotencyKey: string;
}

export function kvPutCommand(): Command {
  return withServer(new Command('put'))
    .description("Writes a key's value, and prints the idempotency key under which the same write can be sent again.")
    .argument('<tenant>')
    .argument('<key>')
    .argument('<value>', '"-" reads it from standard input')
    .option('--consistency <LEVEL>', 'one, quorum or all', 'quorum')
    .option('--idempotency-key <KEY>', 'a write with the same key happens once within 24 h', '')
    .action(async (tenantId: string, key: string, text: string, options: PutOptions, self: Command) => {
      const client = clientOf(self);
      const value = text === '-' ? await buffer(process.stdin) : Buffer.from(text);
      const { idempotencyKey } = await client.writeKeyValue({ tenantId, key, value, ...options });
      process.stdout.write(`${idempotencyKey}\n`);
    });
}
