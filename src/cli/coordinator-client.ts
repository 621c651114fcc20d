import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import type { Command } from 'commander';
import { clientConfig } from '../config/client-config.js';
import { readEnvironment } from '../config/env.js';
import { CLIENT_SETTINGS } from '../config/settings.js';
import { CoordinatorService } from '../gen/coordinator/v1/coordinator_pb.js';
import { flagsOf, withSettings } from './command-settings.js';

const TIMEOUT_MS = 10_000;

export type CoordinatorClient = Client<typeof CoordinatorService>;

/** Adds --server to a command that calls a coordinator. */
export function withServer(command: Command): Command {
  return withSettings(command, CLIENT_SETTINGS);
}

/** @throws ConfigError */
export function clientOf(command: Command): CoordinatorClient {
  const { server } = clientConfig(flagsOf(command, CLIENT_SETTINGS), readEnvironment());
  return coordinatorClient(server);
}

export function coordinatorClient(baseUrl: string): CoordinatorClient {
  return createClient(
    CoordinatorService,
    createConnectTransport({ baseUrl, httpVersion: '1.1', defaultTimeoutMs: TIMEOUT_MS }),
  );
}
