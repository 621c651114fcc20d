import { fromJson, toJson } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../src/gen/coordinator/v1/coordinator_pb.js';
import { ClientTransports, TRANSPORT_NAMES } from '../support/client-transports.js';
import { type ServedCoordinator, serveCoordinator } from '../support/served-coordinator.js';
import { NINE_RPCS } from './nine-rpcs.js';

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
beforeEach(() => {
  served.services.calls.length = 0;
});

it('has an example of every RPC of the service', () => {
  expect(NINE_RPCS.map(({ rpc }) => rpc)).toEqual(CoordinatorService.methods);
});

describe.each(TRANSPORT_NAMES)('over %s', (name) => {
  it.each(NINE_RPCS)('$rpc.name brings the request to the service whole, and its answer back', async (example) => {
    const { rpc, request, service, asked, answer } = example;
    const message = fromJson(rpc.input, request);
    const response = await transports.get(name).unary(rpc, undefined, undefined, undefined, message);
    expect(toJson(rpc.output, response.message, { alwaysEmitImplicit: true })).toEqual(answer);
    expect(served.services.calls).toEqual([{ method: service, asked: asked.map(loosely) }]);
  });
});

/** A request message may have fields beside those that the service reads. */
function loosely(argument: unknown): unknown {
  return typeof argument === 'object' && argument !== null ? expect.objectContaining(argument) : argument;
}
