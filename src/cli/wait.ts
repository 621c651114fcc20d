import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { clientConfig } from '../config/client-config.js';
import { readEnvironment } from '../config/env.js';
import { CLIENT_SETTINGS } from '../config/settings.js';
import { flagsOf } from './command-settings.js';
import { coordinatorClient, withServer } from './coordinator-client.js';

const LOOK_EVERY_MS = 100;
const CALL_TIMEOUT_MS = 2000;

interface WaitOptions {
  readonly timeout: number;
  readonly tenant: string;
}

/** For scripts that start a cluster in the background. */
export function waitCommand(): Command {
  return withServer(new Command('wait'))
    .description('Waits until a coordinator is ready to serve, and exits with 0; with 1 when it is not in time.')
    .option('--timeout <SECONDS>', 'how long to wait', seconds, 60)
    .option('--tenant <TENANT>', 'wait until this tenant exists, too', '')
    .action(async ({ timeout, tenant }: WaitOptions, self: Command) => {
      const { server } = clientConfig(flagsOf(self, CLIENT_SETTINGS), readEnvironment());
      const untilMs = Date.now() + timeout * 1000;
      for (;;) {
        const missing = await whatIsMissing(server, tenant);
        if (missing === undefined) return;
        if (Date.now() >= untilMs) throw new Error(`not ready within ${timeout} s: ${missing}`);
        await delay(LOOK_EVERY_MS);
      }
    });
}

/** Undefined when everything is there. */
async function whatIsMissing(server: string, tenantId: string): Promise<string | undefined> {
  try {
    const answer = await fetch(new URL('/readyz', server), { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    const text = (await answer.text()).trim();
    if (!answer.ok) return text;
    if (tenantId !== '') await coordinatorClient(server).getTenant({ tenantId });
    return undefined;
  } catch (error) {
    const { message, cause } = error as Error;
    return cause instanceof Error ? `${message}: ${cause.message}` : message;
  }
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 86_400)) throw new InvalidArgumentError('It must be 0 to 86400 seconds.');
  return value;
}
