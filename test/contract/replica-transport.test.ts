import { createServer } from 'node:http2';
import { create } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectTransport } from '../../src/adapters/replica/connect-transport.js';
import { Http2Listener } from '../../src/adapters/system/http2-listener.js';
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  ExchangeResponseSchema,
  ReplicaService,
} from '../../src/gen/storage/v1/storage_pb.js';
import type { NodeAddress, ReplicaTransport } from '../../src/ports/replica-transport.js';
import { FrameQueue } from '../../src/wire/frame-queue.js';
import { eventually } from '../support/eventually.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { CALM, VirtualNetwork } from '../support/virtual-network.js';

/** A peer that answers each batch by its epoch, and ends the stream at epoch 0. */
interface Echo {
  readonly transport: ReplicaTransport;
  readonly address: NodeAddress;
  readonly nobody: NodeAddress;
  /** Lets it happen, and waits until it has. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Streams that the peer has open. */
  readonly open: () => number;
  readonly close: () => Promise<void>;
}

const answer = (epoch: number): ExchangeResponse =>
  create(ExchangeResponseSchema, { frame: { case: 'ready', value: { epoch } } });
const epochOf = ({ frame }: ExchangeRequest) => (frame.case === 'batch' ? frame.value.epoch : 0);

async function connectEcho(): Promise<Echo> {
  let open = 0;
  async function* exchange(requests: AsyncIterable<ExchangeRequest>): AsyncGenerator<ExchangeResponse> {
    open++;
    try {
      const queue = new FrameQueue<ExchangeResponse>();
      const pump = async () => {
        for await (const request of requests) {
          if (epochOf(request) === 0) break;
          queue.push(answer(epochOf(request)));
        }
      };
      void pump()
        .catch(() => {})
        .finally(() => queue.end());
      yield* queue;
    } finally {
      open--;
    }
  }
  const handler = connectNodeAdapter({ routes: (router) => router.service(ReplicaService, { exchange }) });
  const listener = await Http2Listener.open(createServer(Http2Listener.SETTINGS, handler), '127.0.0.1', 0);
  return {
    transport: connectTransport,
    address: listener,
    nobody: { host: '127.0.0.1', port: 1 },
    until: (condition) => eventually(condition),
    open: () => open,
    close: () => listener.close(),
  };
}

async function virtualEcho(): Promise<Echo> {
  const clock = new VirtualClock();
  const network = new VirtualNetwork(clock, { ...CALM, bytesPerMs: () => 500_000 });
  const peer = (name: string) => ({ name, alive: true, run: (callback: () => void) => callback() });
  let open = 0;
  network.listen({ host: 'peer', port: 1 }, peer('peer'), ({ send, end }) => {
    open++;
    return {
      frame(request) {
        if (epochOf(request) === 0) end();
        else send(answer(epochOf(request)));
      },
      drained() {},
      end() {
        open--;
      },
    };
  });
  return {
    transport: network.transportOf(peer('client')),
    address: { host: 'peer', port: 1 },
    nobody: { host: 'peer', port: 2 },
    async until(condition) {
      await clock.advance(100);
      expect(condition()).toBe(true);
    },
    open: () => open,
    close: async () => {},
  };
}

describe.each([
  ['in a virtual network', virtualEcho],
  ['over Connect', connectEcho],
])('a replica transport %s', (_name, start) => {
  let echo: Echo;
  let epochs: number[];
  let ends: string[];

  beforeEach(async () => {
    echo = await start();
    epochs = [];
    ends = [];
  });
  afterEach(() => echo.close());

  const open = (address = echo.address, drained = () => {}) =>
    echo.transport.open(address, {
      frame: ({ frame }) => void epochs.push(frame.case === 'ready' ? frame.value.epoch : -1),
      drained,
      end: (reason) => void ends.push(reason),
    });
  const batch = (epoch: number) => create(ExchangeRequestSchema, { frame: { case: 'batch', value: { epoch } } });

  it('carries frames in order, each once, also those that are sent before it is connected', async () => {
    const connection = open();
    expect(epochs).toEqual([]);
    for (let epoch = 1; epoch <= 500; epoch++) connection.send(batch(epoch));
    await echo.until(() => epochs.length === 500);
    expect(epochs).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    connection.send(batch(501));
    await echo.until(() => epochs.length === 501);
    expect(ends).toEqual([]);
    connection.close();
  });

  it('tells when it takes more, so that every frame but the first is made only then', async () => {
    const record = Buffer.alloc(512 * 1024);
    const operations = [{ id: 1, kind: { case: 'write', value: { record } } } as const];
    let sent = 0;
    let waits = 0;
    const sendMore = () => {
      while (sent < 20 && connection.isDrained) {
        const value = { epoch: ++sent, operations };
        connection.send(create(ExchangeRequestSchema, { frame: { case: 'batch', value } }));
      }
      if (!connection.isDrained) waits++;
    };
    const connection = open(echo.address, sendMore);
    sendMore();
    expect(sent).toBe(1);
    await echo.until(() => epochs.length === 20);
    expect(epochs).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(waits).toBe(20);
    expect(connection.isDrained).toBe(true);
    connection.close();
  });

  it('tells once that the peer ended the stream, and drops what is sent after', async () => {
    const connection = open();
    connection.send(batch(1));
    connection.send(batch(0));
    await echo.until(() => ends.length === 1);
    connection.send(batch(2));
    connection.close();
    await echo.until(() => true);
    expect([epochs, ends.length]).toEqual([[1], 1]);
  });

  it('tells, not during the call, that nobody is there', async () => {
    open(echo.nobody).send(batch(1));
    expect(ends).toEqual([]);
    await echo.until(() => ends.length === 1);
    expect(epochs).toEqual([]);
  });

  it('ends at its own side without a word to the sink, and the peer learns of it', async () => {
    const connection = open();
    connection.send(batch(1));
    await echo.until(() => epochs.length === 1);
    expect(echo.open()).toBe(1);
    connection.close();
    await echo.until(() => echo.open() === 0);
    expect(ends).toEqual([]);
  });
});
