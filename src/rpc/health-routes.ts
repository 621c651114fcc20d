import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { type Health, HealthCheckResponse_ServingStatus as ServingStatus } from '../gen/grpc/health/v1/health_pb.js';
import { type Clock, sleep } from '../ports/clock.js';
import type { Readiness } from '../services/readiness.js';

/** How often a watched status is compared with the last one sent. */
const LOOK_EVERY_MS = 200;

export interface HealthParts {
  readonly clock: Clock;
  readonly readiness: () => Readiness;
  /** Aborted when this server is about to stop: watchers are told, and their streams end. */
  readonly leaving: AbortSignal;
}

/**
 * The standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): every service here is
 * as healthy as the whole server, whose name is "".
 */
export function healthRoutes(
  { clock, readiness, leaving }: HealthParts,
  serviceNames: readonly string[],
): ServiceImpl<typeof Health> {
  const known = ['', ...serviceNames];
  const present = () => (readiness().ready ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
  return {
    check({ service }) {
      if (!known.includes(service)) throw new ConnectError(`unknown service ${JSON.stringify(service)}`, Code.NotFound);
      return { status: present() };
    },
    list() {
      return { statuses: Object.fromEntries(known.map((name) => [name, { status: present() }])) };
    },
    async *watch({ service }, { signal }) {
      const statusNow = () => (known.includes(service) ? present() : ServingStatus.SERVICE_UNKNOWN);
      for (let sent: ServingStatus | undefined; !signal.aborted; ) {
        const status = statusNow();
        if (status !== sent) yield { status };
        sent = status;
        if (leaving.aborted) throw new ConnectError('this server is shutting down', Code.Unavailable);
        await sleep(clock, LOOK_EVERY_MS, signal);
      }
    },
  };
}
