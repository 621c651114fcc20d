import { Command } from 'commander';
import { createPinoLog } from '../adapters/system/pino-log.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemRandom } from '../adapters/system/system-random.js';
import { startStorageNode } from '../compose/start-storage-node.js';
import { readEnvironment } from '../config/env.js';
import { STORAGE_NODE_SETTINGS } from '../config/settings.js';
import { storageNodeConfig } from '../config/storage-node-config.js';
import { flagsOf, withSettings } from './command-settings.js';
import { FAILURE_EXIT_CODE, failureLines } from './report-failure.js';
import { exitOnFault, serveUntilStopped, tellParent } from './serve-until-stopped.js';

export function storageNodeCommand(): Command {
  const command = new Command('storage-node').description('Runs one storage node until SIGTERM.');
  return withSettings(command, STORAGE_NODE_SETTINGS).action(async (_options: unknown, self: Command) => {
    try {
      await runStorageNode(self);
    } catch (error) {
      tellParent({ failed: failureLines(error).join('; ') });
      throw error;
    }
  });
}

async function runStorageNode(command: Command): Promise<void> {
  const config = storageNodeConfig(flagsOf(command, STORAGE_NODE_SETTINGS), readEnvironment());
  const log = createPinoLog('storage-node', config.logLevel);
  exitOnFault(log);
  const onFailure = (err: unknown) => {
    log.error({ err }, 'the storage engine failed: what it holds is read anew at the next start');
    process.exit(FAILURE_EXIT_CODE);
  };
  const around = { clock: systemClock, random: systemRandom, log, onFailure };
  const { host, port, storeId, close } = await startStorageNode({ ...config, ...around });
  const address = config.advertise ?? { host, port };
  log.info({ nodeId: config.nodeId, storeId, ...address }, 'give this address to AddStorageNode');
  serveUntilStopped(log, close);
  tellParent({ ready: true, ...address });
}
