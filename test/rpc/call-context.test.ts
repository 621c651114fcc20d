import { type CallOptions, type Client, createClient } from '@connectrpc/connect';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ClientTransports, type TransportName } from '../support/client-transports.js';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import {
  REQUEST_TIMEOUT_MAX_MS,
  REQUEST_TIMEOUT_MS,
  type ServedCoordinator,
  serveCoordinator,
} from '../support/served-coordinator.js';

const PROTOCOLS: readonly TransportName[] = [
  'Connect JSON, HTTP/1.1',
  'Connect binary with GET for reads, HTTP/2',
  'gRPC',
  'gRPC-Web, HTTP/1.1',
];

let served: ServedCoordinator;
let transports: ClientTransports;

beforeAll(async () => {
  served = await serveCoordinator();
  transports = new ClientTransports(served.baseUrl);
});
afterAll(async () => {
  transports?.close();
  await served?.stop();
});

/** How long the only call was given, by the service's clock, which stands still meanwhile. */
function givenMs(): number {
  const [context] = served.services.contexts.splice(0);
  if (context === undefined) throw new Error('the service was not called');
  return context.deadlineMs - served.clock.monotonicMs();
}

describe.each(PROTOCOLS)('over %s', (name) => {
  let client: Client<typeof CoordinatorService>;

  beforeEach(() => {
    client = createClient(CoordinatorService, transports.get(name));
  });

  async function timeGivenTo(options: CallOptions): Promise<{ read: number; write: number }> {
    await client.readKeyValue({}, options);
    const read = givenMs();
    await client.writeKeyValue({}, options);
    return { read, write: givenMs() };
  }

  it('gives a call without a timeout the server’s own', async () => {
    expect(await timeGivenTo({})).toEqual({ read: REQUEST_TIMEOUT_MS, write: REQUEST_TIMEOUT_MS });
  });

  it('gives a call its own shorter timeout, less the time that is gone already', async () => {
    const { read, write } = await timeGivenTo({ timeoutMs: 2500 });
    for (const given of [read, write]) {
      expect(given).toBeGreaterThan(0);
      expect(given).toBeLessThanOrEqual(2500);
    }
  });

  it('gives a call its own longer timeout', async () => {
    const { read, write } = await timeGivenTo({ timeoutMs: 25_000 });
    for (const given of [read, write]) {
      expect(given).toBeGreaterThan(REQUEST_TIMEOUT_MS);
      expect(given).toBeLessThanOrEqual(25_000);
    }
  });

  it('gives no call more than the server’s greatest', async () => {
    const greatest = { read: REQUEST_TIMEOUT_MAX_MS, write: REQUEST_TIMEOUT_MAX_MS };
    expect(await timeGivenTo({ timeoutMs: 24 * 3_600_000 })).toEqual(greatest);
  });
});

describe.each(PROTOCOLS)('a client that goes away over %s', (name) => {
  afterEach(() => {
    served.services.before = () => undefined;
  });

  it('aborts the signal that the service was given, not before', async () => {
    const gate = new Gate();
    served.services.before = () => gate.opened;
    const client = createClient(CoordinatorService, transports.get(name));
    const abort = new AbortController();
    const answered = client.writeKeyValue({}, { signal: abort.signal }).catch(() => 'gone');
    await eventually(() => served.services.contexts.length === 1);
    const [context] = served.services.contexts.splice(0);
    expect(context?.signal.aborted).toBe(false);
    abort.abort();
    await eventually(() => context?.signal.aborted);
    gate.open();
    expect(await answered).toBe('gone');
  });
});
