import { toJsonString } from '@bufbuild/protobuf';
import { Command } from 'commander';
import { ListStorageNodesResponseSchema, type StorageNodeInfo } from '../gen/coordinator/v1/coordinator_pb.js';
import { clientOf, withServer } from './coordinator-client.js';

const HEADINGS = ['NODE', 'ADDRESS', 'STATUS', 'HEALTH', 'VNODES', 'KEYS', 'DISK', 'ZONE'] as const;

export function nodeListCommand(): Command {
  return withServer(new Command('list'))
    .description('Lists the storage nodes.')
    .option('--json', 'as JSON', false)
    .action(async (options: { readonly json: boolean }, self: Command) => {
      const response = await clientOf(self).listStorageNodes({});
      const text = options.json
        ? toJsonString(ListStorageNodesResponseSchema, response, { alwaysEmitImplicit: true })
        : table([HEADINGS, ...response.nodes.map(cells)]);
      process.stdout.write(`${text}\n`);
      if (options.json) return;
      for (const { nodeId, healthReason, timestampAheadSeconds } of response.nodes) {
        if (healthReason !== '') process.stdout.write(`${nodeId}: ${healthReason}\n`);
        if (timestampAheadSeconds > 0n)
          process.stdout.write(`${nodeId}: holds writes of a clock that was ${timestampAheadSeconds} s ahead\n`);
      }
    });
}

function cells(node: StorageNodeInfo): readonly string[] {
  const { nodeId, host, port, status, health, virtualNodes, keysCount, diskUsagePercent, zone } = node;
  const address = `${host}:${port}`;
  const disk = `${diskUsagePercent.toFixed(1)} %`;
  return [nodeId, address, status, health, String(virtualNodes), String(keysCount), disk, zone || '-'];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
