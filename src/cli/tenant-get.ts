import { toJsonString } from '@bufbuild/protobuf';
import { Command } from 'commander';
import { GetTenantResponseSchema } from '../gen/coordinator/v1/coordinator_pb.js';
import { clientOf, withServer } from './coordinator-client.js';

export function tenantGetCommand(): Command {
  return withServer(new Command('get'))
    .description('Shows a tenant.')
    .argument('<tenant>')
    .option('--json', 'as JSON', false)
    .action(async (tenantId: string, options: { readonly json: boolean }, self: Command) => {
      const tenant = await clientOf(self).getTenant({ tenantId });
      const createdAt = new Date(Number(tenant.createdAt) * 1000).toISOString();
      const text = options.json
        ? toJsonString(GetTenantResponseSchema, tenant, { alwaysEmitImplicit: true })
        : `tenant ${tenant.tenantId} has ${tenant.replicationFactor} replicas of each key, created ${createdAt}`;
      process.stdout.write(`${text}\n`);
    });
}
