import { Command } from 'commander';
import { FolderInUseError } from '../adapters/system/lock-errors.js';
import { DEMO_TENANT } from '../compose/up/prepare-cluster.js';
import { type RunningCluster, startUp } from '../compose/up/start-up.js';
import { readEnvironment } from '../config/env.js';
import { UP_SETTINGS } from '../config/settings.js';
import { upConfig } from '../config/up-config.js';
import { flagsOf, withSettings } from './command-settings.js';
import { FAILURE_EXIT_CODE } from './report-failure.js';
import { onStopSignals } from './stop-signals.js';

export function upCommand(): Command {
  const command = new Command('up').description(
    'Starts a whole cluster on this machine: PostgreSQL, storage nodes, coordinators and a tenant to try.',
  );
  return withSettings(command, UP_SETTINGS).action(async (_options: unknown, self: Command) => {
    const print = (line: string) => void process.stdout.write(`${line}\n`);
    const config = upConfig(flagsOf(self, UP_SETTINGS), readEnvironment());
    let cluster: RunningCluster | undefined;
    let signalled = false;
    const starting = startUp(config, print);
    const endAtOnce = () => {
      cluster?.kill();
      process.exit(FAILURE_EXIT_CODE);
    };
    const stop = () => {
      signalled = true;
      print('Stopping.');
      starting
        .then((running) => running.stop())
        .then(
          () => process.exit(0),
          () => process.exit(FAILURE_EXIT_CODE),
        );
    };
    onStopSignals(stop, endAtOnce);
    try {
      cluster = await starting;
    } catch (error) {
      throw error instanceof FolderInUseError ? alreadyRunning(config.home, error) : error;
    }
    if (!signalled) print(welcome(cluster));
  });
}

function alreadyRunning(home: string, { holder }: FolderInUseError): Error {
  const { pid = 'unknown', host = 'unknown', info } = holder;
  const address = info.address ?? 'an unknown address';
  return new Error(`Quorate runs on ${home} already: process ${pid}, at ${address}, on host ${host}`);
}

function welcome({ home, urls, postgresData }: RunningCluster): string {
  const service = `${urls[0]}/coordinator.v1.CoordinatorService`;
  const elsewhere =
    postgresData === undefined || postgresData.startsWith(home.folder)
      ? []
      : [`PostgreSQL's data is in ${postgresData}`];
  return [
    `Quorate is up: ${urls.join(', ')} (${home.nodes} storage node${home.nodes === 1 ? '' : 's'}, tenant "${DEMO_TENANT}")`,
    '',
    'Write a value, and read it back:',
    '',
    `  curl -sd "{\\"tenantId\\":\\"${DEMO_TENANT}\\",\\"key\\":\\"greeting\\",\\"value\\":\\"$(printf hello | base64)\\"}" ${service}/WriteKeyValue`,
    '',
    `  curl -sd '{"tenantId":"${DEMO_TENANT}","key":"greeting"}' ${service}/ReadKeyValue | sed 's/.*"value":"\\([^"]*\\)".*/\\1/' | base64 -d`,
    '',
    `Data and logs are in ${home.folder}; Ctrl-C stops everything.`,
    ...elsewhere,
  ].join('\n');
}
