import { type RpcOptions, rpcHandlers } from '../../src/rpc/rpc-handler.js';
import { Admission, type AdmissionRules } from '../../src/server/admission.js';
import type { Certificate } from '../../src/server/certificate.js';
import { OnePort } from '../../src/server/one-port.js';
import type { Readiness } from '../../src/server/plain-pages.js';
import { portHandlers } from '../../src/server/port-handlers.js';
import { DEFAULT_PORT_LIMITS, type PortLimits } from '../../src/server/port-limits.js';
import { RequestBodies } from '../../src/server/request-bodies.js';
import { ScriptedServices } from './scripted-services.js';
import { seededRandom } from './seeded-random.js';
import { MemoryLog } from './silent-log.js';
import { VirtualClock } from './virtual-clock.js';

/** The default aliases, and one that chooses the way of failing for itself. */
export const ALIASES: RpcOptions['aliases'] = [
  { serviceName: 'CoordinatorService', errors: undefined },
  { serviceName: 'proto.CoordinatorService', errors: undefined },
  { serviceName: 'plain.CoordinatorService', errors: 'inline' },
  { serviceName: 'strict.CoordinatorService', errors: 'status' },
];

export const REQUEST_TIMEOUT_MS = 5000;
export const REQUEST_TIMEOUT_MAX_MS = 30_000;

export interface ServedCoordinator {
  readonly host: string;
  readonly port: number;
  readonly baseUrl: string;
  readonly services: ScriptedServices;
  readonly log: MemoryLog;
  readonly clock: VirtualClock;
  readonly onePort: OnePort;
  readonly bodies: RequestBodies;
  /** What /readyz says; ready at first. */
  readiness: Readiness;
  /** What a stopping server does first. */
  leave(): void;
  /** Cuts whatever is left; may follow a drain. */
  stop(): Promise<void>;
}

/** The real RPC layer on a real port of the loopback, before services that are played from a script. */
export async function serveCoordinator(
  options: Partial<Pick<RpcOptions, 'errors' | 'valueBytesMax'>> = {},
  limits: Partial<PortLimits> = {},
  certificate?: Certificate,
  rules: Partial<AdmissionRules> = {},
): Promise<ServedCoordinator> {
  const [services, log, clock] = [new ScriptedServices(), new MemoryLog(), new VirtualClock()];
  // An arbitrary start, so that deadlines relative to zero would show.
  await clock.advance(1_000_000);
  const leaving = new AbortController();
  const readiness = () => served.readiness;
  const rpc = rpcHandlers({
    services,
    log,
    clock,
    random: seededRandom(1),
    aliases: ALIASES,
    errors: options.errors ?? 'status',
    valueBytesMax: options.valueBytesMax ?? 1024 * 1024,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    requestTimeoutMaxMs: REQUEST_TIMEOUT_MAX_MS,
    readiness,
    leaving: leaving.signal,
  });
  const admission = new Admission({ listenHost: '127.0.0.1', origins: [], hosts: [], ...rules });
  const granted = { ...DEFAULT_PORT_LIMITS, ...limits };
  const bodies = new RequestBodies(granted.bodies);
  const handlers = portHandlers({ rpc, admission, bodies, log, readiness, version: '1.2.3' });
  const onePort = new OnePort(handlers, granted, certificate);
  const address = await onePort.listen('127.0.0.1', 0);
  const served: ServedCoordinator = {
    ...address,
    bodies,
    baseUrl: `http://${address.host}:${address.port}`,
    services,
    log,
    clock,
    onePort,
    readiness: { ready: true },
    leave: () => leaving.abort(),
    stop: () => onePort.drain(0),
  };
  return served;
}
