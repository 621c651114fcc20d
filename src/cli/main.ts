import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { coordinatorCommand } from './coordinator.js';
import { kvGetCommand } from './kv-get.js';
import { kvPutCommand } from './kv-put.js';
import { migrateCommand } from './migrate.js';
import { nodeListCommand } from './node-list.js';
import { reportFailure, USAGE_EXIT_CODE } from './report-failure.js';
import { rotateSealingSecretCommand } from './rotate-sealing-secret.js';
import { storageNodeCommand } from './storage-node.js';
import { tenantCreateCommand } from './tenant-create.js';
import { tenantGetCommand } from './tenant-get.js';
import { upCommand } from './up.js';
import { waitCommand } from './wait.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

function program(): Command {
  const root = new Command('quorate')
    .description('Coordinator for a replicated, multi-tenant key-value store.')
    .version(version)
    .showHelpAfterError('(--help says everything)');
  for (const command of [
    upCommand(),
    coordinatorCommand(),
    storageNodeCommand(),
    migrateCommand(),
    rotateSealingSecretCommand(),
    waitCommand(),
  ]) {
    root.addCommand(command);
  }
  root.addCommand(group('kv', 'read and write keys').addCommand(kvGetCommand()).addCommand(kvPutCommand()));
  root.addCommand(group('tenant', 'tenants').addCommand(tenantCreateCommand()).addCommand(tenantGetCommand()));
  root.addCommand(group('node', 'storage nodes').addCommand(nodeListCommand()));
  return root;
}

function group(name: string, description: string): Command {
  return new Command(name).description(description).showHelpAfterError('(--help says everything)');
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach(throwInsteadOfExit);
}

// Whoever read the output may be gone (`| head`, a terminal that was closed): what runs goes on, and is stopped in order.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const root = program();
throwInsteadOfExit(root);
try {
  await root.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
  else process.exitCode = reportFailure(error);
}
