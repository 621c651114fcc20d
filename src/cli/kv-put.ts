import { buffer } from 'node:stream/consumers';
import { toJsonString } from '@bufbuild/protobuf';
import { Command } from 'commander';
import { type WriteKeyValueResponse, WriteKeyValueResponseSchema } from '../gen/coordinator/v1/coordinator_pb.js';
import { clientOf, withServer } from './coordinator-client.js';

interface PutOptions {
  readonly consistency: string;
  readonly idempotencyKey: string;
  readonly json: boolean;
}

export function kvPutCommand(): Command {
  return withServer(new Command('put'))
    .description("Writes a key's value, and prints the idempotency key under which the same write can be sent again.")
    .argument('<tenant>')
    .argument('<key>')
    .argument('<value>', '"-" reads it from standard input')
    .option('--json', 'the whole answer', false)
    .option('--consistency <LEVEL>', 'one, quorum or all', 'quorum')
    .option('--idempotency-key <KEY>', 'a write with the same key happens once within 24 h', '')
    .action(async (tenantId: string, key: string, text: string, options: PutOptions, self: Command) => {
      const client = clientOf(self);
      const value = text === '-' ? await buffer(process.stdin) : Buffer.from(text);
      const { consistency, idempotencyKey } = options;
      const response = await client.writeKeyValue({ tenantId, key, value, consistency, idempotencyKey });
      process.stdout.write(`${options.json ? jsonOf(response) : textOf(response)}\n`);
    });
}

function jsonOf(response: WriteKeyValueResponse): string {
  return toJsonString(WriteKeyValueResponseSchema, response, { alwaysEmitImplicit: true });
}

/** For a person at a terminal; programs get the key alone. */
function textOf({ idempotencyKey, replicaCount, isDuplicate }: WriteKeyValueResponse): string {
  if (!process.stdout.isTTY) return idempotencyKey;
  const done = isDuplicate ? 'was written before' : 'written';
  return `${done}, on ${replicaCount} replica${replicaCount === 1 ? '' : 's'}\nsent again under this idempotency key it happens once: ${idempotencyKey}`;
}
