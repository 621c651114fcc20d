import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { CoordinatorService } from '../../gen/coordinator/v1/coordinator_pb.js';

const CALL_TIMEOUT_MS = 10_000;
const ATTEMPTS = 5;
const RETRY_MS = 500;
const REPLICATION_FACTOR_MAX = 3;

export const DEMO_TENANT = 'demo';

export interface NodeAtAddress {
  readonly nodeId: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Adds the storage nodes, or records the addresses that they moved to, and creates the demo tenant. All of it may have
 * been done before.
 * @throws ConnectError
 */
export async function prepareCluster(baseUrl: string, nodes: readonly NodeAtAddress[]): Promise<void> {
  const transport = createConnectTransport({ baseUrl, httpVersion: '1.1', defaultTimeoutMs: CALL_TIMEOUT_MS });
  const client = createClient(CoordinatorService, transport);
  let waiting = nodes;
  for (let attempt = 1; waiting.length > 0; attempt++) {
    const refused: NodeAtAddress[] = [];
    for (const node of waiting) {
      try {
        await client.addStorageNode(node);
      } catch (error) {
        if (attempt === ATTEMPTS || !mayPass(error)) throw error;
        refused.push(node);
      }
    }
    waiting = refused;
    if (waiting.length > 0) await delay(RETRY_MS);
  }
  try {
    await client.createTenant({
      tenantId: DEMO_TENANT,
      replicationFactor: Math.min(REPLICATION_FACTOR_MAX, nodes.length),
    });
  } catch (error) {
    if (ConnectError.from(error).code !== Code.AlreadyExists) throw error;
  }
}

/** Free ports of this start may be another node's of the last one, until that one's move is recorded, too. */
function mayPass(error: unknown): boolean {
  return [Code.FailedPrecondition, Code.Unavailable].includes(ConnectError.from(error).code);
}
