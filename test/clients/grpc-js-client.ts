import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { contractText } from '../support/contract-text.js';
import { type ClientAdapter, type JsonMessage, type Outcome, STATUSES } from './client-adapter.js';

type Call = (
  request: JsonMessage,
  metadata: Metadata,
  done: (error: ServiceError | null, answer: JsonMessage) => void,
) => void;

/** gRPC for Node.js with what a user has who was given the contract's document alone: it names no package. */
export async function grpcJsClient(address: string): Promise<ClientAdapter> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-grpc-js-'));
  const file = join(folder, 'coordinator.proto');
  writeFileSync(file, contractText(''));
  const definition = loadSync(file, { longs: String, enums: String, bytes: String, defaults: true });
  rmSync(folder, { recursive: true });
  const Service = loadPackageDefinition(definition).CoordinatorService as unknown as new (
    address: string,
    credentials: unknown,
  ) => Client & Record<string, Call>;
  const client = new Service(address, credentials.createInsecure());
  return {
    call: (rpc, request, headers = {}) =>
      new Promise<Outcome>((resolve) => {
        const metadata = new Metadata();
        for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
        client[rpc]?.(request, metadata, (error, answer) => {
          if (error === null) return resolve({ answer });
          const [errorCode] = error.metadata.get('coordinator-error-code');
          const failure = { status: STATUSES[error.code] ?? '', message: error.details };
          resolve({ failure: { ...failure, errorCode: errorCode === undefined ? undefined : String(errorCode) } });
        });
      }),
    close: async () => client.close(),
  };
}
