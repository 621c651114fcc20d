import { Command } from 'commander';
import { createPinoLog } from '../adapters/system/pino-log.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemRandom } from '../adapters/system/system-random.js';
import { startCoordinator } from '../compose/start-coordinator.js';
import { coordinatorConfig } from '../config/coordinator-config.js';
import { readEnvironment } from '../config/env.js';
import { COORDINATOR_SETTINGS } from '../config/settings.js';
import { flagsOf, withSettings } from './command-settings.js';
import { failureLines } from './report-failure.js';
import { exitOnFault, serveUntilStopped, tellParent } from './serve-until-stopped.js';

export function coordinatorCommand(): Command {
  const command = new Command('coordinator').description('Runs one coordinator until SIGTERM.');
  return withSettings(command, COORDINATOR_SETTINGS)
    .option('--no-migrate', 'leave the schema as it is: another role has run "quorate migrate"')
    .action(async (options: { readonly migrate: boolean }, self: Command) => {
      try {
        await runCoordinator(options.migrate, self);
      } catch (error) {
        tellParent({ failed: failureLines(error).join('; ') });
        throw error;
      }
    });
}

async function runCoordinator(migrates: boolean, command: Command): Promise<void> {
  const config = coordinatorConfig(flagsOf(command, COORDINATOR_SETTINGS), readEnvironment(), migrates);
  const log = createPinoLog('coordinator', config.logLevel);
  exitOnFault(log);
  const { host, port, drain } = await startCoordinator(config, { clock: systemClock, random: systemRandom, log });
  serveUntilStopped(log, drain);
  tellParent({ ready: true, host, port });
}
