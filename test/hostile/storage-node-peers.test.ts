import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordOf } from '../../src/domain/record.js';
import { ExchangeRequestSchema, type Operation, ReplicaService } from '../../src/gen/storage/v1/storage_pb.js';
import { encodeRecord } from '../../src/wire/record-format.js';
import { encodeStorageKey } from '../../src/wire/storage-key.js';
import { eventually } from '../support/eventually.js';
import { killAll, type QuorateProcess, startQuorate } from '../support/quorate-process.js';
import { RawCoordinator } from '../support/raw-coordinator.js';

const MIB = 1024 * 1024;
const SECRET = 'a secret that both know';
const PATH = `/${ReplicaService.typeName}/Exchange`;
const DESCRIBE: Operation['kind'] = { case: 'describe', value: { $typeName: 'storage.v1.Describe' } };

describe('a storage node serves coordinators in spite of', () => {
  let folder: string;
  let node: QuorateProcess;
  let address: { host: string; port: number };
  let strangers: ClientHttp2Session[];
  let coordinators: RawCoordinator[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-peers-'));
    const secretFile = join(folder, 'secret');
    writeFileSync(secretFile, SECRET, { mode: 0o600 });
    node = startQuorate([
      ...['storage-node', '--id', 'n1', '--listen', '127.0.0.1:0', '--data', join(folder, 'data')],
      ...['--cluster-secret-file', secretFile],
    ]);
    address = await node.ready;
    strangers = [];
    coordinators = [];
  });
  afterEach(async () => {
    for (const coordinator of coordinators) coordinator.close();
    for (const session of strangers) session.destroy();
    await killAll();
    await rm(folder, { recursive: true, force: true });
  });

  const residentMib = () =>
    Number(execFileSync('ps', ['-o', 'rss=', '-p', String(node.pid)], { encoding: 'utf8' })) / 1024;
  const join1 = async () => {
    const coordinator = await RawCoordinator.connect(address, Buffer.from(SECRET));
    coordinators.push(coordinator);
    return coordinator;
  };
  const answered = async (coordinator: RawCoordinator, kind: Operation['kind']) => {
    coordinator.send([kind]);
    const { frame } = await coordinator.take();
    return frame.case === 'answers' ? frame.value.answers[0]?.kind.case : frame.case;
  };
  const stranger = (): ClientHttp2Session => {
    const session = connect(`http://${address.host}:${address.port}`).on('error', () => {});
    strangers.push(session);
    return session;
  };
  const open = (session: ClientHttp2Session): ClientHttp2Stream =>
    session
      .request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' })
      .on('error', () => {})
      .resume();

  const key = (i: number) => ({
    storageKey: encodeStorageKey({ tenantNumber: 1, token: BigInt(i), key: Buffer.from(`k${i}`) }),
    replicationFactor: 1,
  });
  const write = (i: number, bytes: number): Operation['kind'] => {
    const record = encodeRecord(recordOf({ actor: 'c@1', timestamp: i + 1 }, Buffer.alloc(bytes, i)));
    return { case: 'write', value: { $typeName: 'storage.v1.Write', follows: 0, ...key(i), record } };
  };
  const read = (i: number, headOnly = false): Operation['kind'] => ({
    case: 'read',
    value: { $typeName: 'storage.v1.Read', ...key(i), headOnly },
  });

  it('one that asks for 2,000 values of 1 MiB and takes none: they are not read, and memory stays', async () => {
    const [greedy, other] = [await join1(), await join1()];
    for (let i = 0; i < 20; i++) expect(await answered(other, write(i, MIB))).toBe('write');
    for (let i = 0; i < 20; i++) expect(await answered(other, read(i))).toBe('read');
    const before = residentMib();
    for (let i = 0; i < 10; i++) greedy.send(Array.from({ length: 200 }, (_, k) => read(k % 20)));
    for (let i = 0; i < 50; i++) {
      expect(await answered(other, read(i % 20, true))).toBe('read');
      expect(await answered(other, read(i % 20))).toBe('read');
    }
    expect(residentMib() - before).toBeLessThan(200);
    // It changes its mind: what it asked for comes.
    let values = 0;
    while (values < 100) {
      const { frame } = await greedy.take();
      if (frame.case !== 'answers') throw new Error(`it sent "${frame.case}"`);
      for (const { kind } of frame.value.answers) if (kind.case === 'read' && kind.value.record.length > MIB) values++;
    }
  });

  it('more strangers than it serves streams: those who know the secret get in, and stay', async () => {
    const early = await join1();
    const streams: ClientHttp2Stream[] = [];
    const statuses: unknown[] = [];
    for (let i = 0; i < 6; i++) {
      const session = stranger();
      for (let k = 0; k < 200; k++)
        streams.push(open(session).on('trailers', (trailers) => statuses.push(trailers['grpc-status'])));
    }
    await eventually(() => streams.filter(({ closed }) => closed).length >= 1000);
    expect(statuses.length).toBeGreaterThanOrEqual(1000);
    expect(new Set(statuses)).toEqual(new Set(['0']));
    const late = await join1();
    expect(await answered(late, DESCRIBE)).toBe('describe');
    expect(await answered(early, DESCRIBE)).toBe('describe');
    expect(streams.filter(({ closed }) => !closed).length).toBeGreaterThan(0);
  });

  it('strangers who send much before any proof: they are broken off before it is all taken', async () => {
    const clusterId = 'x'.repeat(7 * MIB);
    const hello = create(ExchangeRequestSchema, { frame: { case: 'hello', value: { clusterId } } });
    const message = toBinary(ExchangeRequestSchema, hello);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    let received = 0;
    const streams = Array.from({ length: 100 }, () =>
      open(stranger()).on('data', (chunk) => (received += chunk.length)),
    );
    const before = residentMib();
    for (const stream of streams) stream.write(head);
    for (const stream of streams) stream.write(message.subarray(0, message.length - 1));
    await eventually(() => streams.every(({ closed }) => closed), 4000);
    expect(received).toBe(0);
    expect(residentMib() - before).toBeLessThan(400);
    expect(await answered(await join1(), DESCRIBE)).toBe('describe');
  });
});
