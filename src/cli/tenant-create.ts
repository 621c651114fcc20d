import { Command, InvalidArgumentError } from 'commander';
import { clientOf, withServer } from './coordinator-client.js';

export function tenantCreateCommand(): Command {
  return withServer(new Command('create'))
    .description('Creates a tenant.')
    .argument('<tenant>')
    .option('--replication-factor <N>', 'replicas of each key, 1 to 10', wholeNumber, 3)
    .action(async (tenantId: string, options: { readonly replicationFactor: number }, self: Command) => {
      const { replicationFactor } = await clientOf(self).createTenant({ tenantId, ...options });
      process.stdout.write(`tenant ${tenantId} has ${replicationFactor} replicas of each key\n`);
    });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
