import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { http1Call } from '../support/http-call.js';
import { RawConnection } from '../support/raw-connection.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';

const HEAD =
  'POST /coordinator.v1.CoordinatorService/GetTenant HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';

let served: ServedCoordinator;
beforeEach(async () => {
  served = await serveCoordinator();
});
afterEach(() => served.stop());

it.each([
  ['a length that is never reached, and an end', `${HEAD}Content-Length: 100\r\n\r\n{"tenantId"`, true],
  ['chunks that are none', `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{"ten\r\nzz\r\n`, false],
  ['chunks that are too long', `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{"tenantId"}\r\n0\r\n\r\n`, false],
])('a body with %s breaks nothing, asks nobody, and is not worth a line in the log', async (_what, request, leaves) => {
  using client = await RawConnection.open(served);
  client.socket.write(request);
  await new Promise((resolve) => setTimeout(resolve, 30));
  if (leaves) client.socket.destroy();
  await eventually(() => client.isClosed);
  expect((await http1Call(`${served.baseUrl}/healthz`)).status).toBe(200);
  expect(served.log.lines).toEqual([]);
  expect(served.services.calls).toEqual([]);
});
