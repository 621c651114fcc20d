// Runs in a browser's page: asks the page's own server what to call, and tells it what came of it.
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import type { JsonMessage } from './client-adapter.js';
import { connectCall } from './connect-client.js';

export interface PageTask {
  readonly id: number;
  readonly baseUrl: string;
  readonly transport: 'grpc-web' | 'connect';
  readonly rpc: string;
  readonly request: JsonMessage;
  readonly headers: Readonly<Record<string, string>>;
}

async function work(): Promise<void> {
  for (;;) {
    const task = (await (await fetch('/task')).json()) as PageTask;
    const { baseUrl, rpc, request, headers } = task;
    const makeTransport = task.transport === 'grpc-web' ? createGrpcWebTransport : createConnectTransport;
    const outcome = await connectCall(makeTransport({ baseUrl }), rpc, request, headers).catch((error: unknown) => ({
      broken: String(error),
    }));
    await fetch('/outcome', { method: 'POST', body: JSON.stringify({ id: task.id, outcome }) });
  }
}

void work();
