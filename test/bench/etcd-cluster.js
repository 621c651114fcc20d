// Three members of etcd on this machine, with their defaults: each write is fsynced by a majority before it is acknowledged.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { probe } from './grpc-probe.js';
import { envelope } from './h2load.js';

const STARTED_WITHIN_MS = 15_000;

export function hasEtcd() {
  return spawnSync('etcd', ['--version']).status === 0;
}

/** @returns the leader's URL, the pids, and `stop` */
export async function startEtcd(folder) {
  const ports = await freePorts(6);
  const names = ['m1', 'm2', 'm3'];
  const peer = (i) => `http://127.0.0.1:${ports[i]}`;
  const client = (i) => `http://127.0.0.1:${ports[i + 3]}`;
  const members = names.map((name, i) => `${name}=${peer(i)}`).join();
  const children = names.map((name, i) =>
    spawn(
      'etcd',
      [
        ...['--name', name, '--data-dir', join(folder, name), '--logger', 'zap', '--log-level', 'error'],
        ...['--listen-peer-urls', peer(i), '--initial-advertise-peer-urls', peer(i)],
        ...['--listen-client-urls', client(i), '--advertise-client-urls', client(i)],
        ...['--initial-cluster', members, '--initial-cluster-state', 'new'],
      ],
      { stdio: 'ignore' },
    ),
  );
  const stop = async () => {
    for (const child of children) {
      if (child.exitCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
  };
  try {
    const leader = await findLeader(names.map((_, i) => client(i)));
    return { url: leader, pids: children.map(({ pid }) => pid), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function putRequest(key, value) {
  return envelope(new BinaryWriter().tag(1, 2).bytes(Buffer.from(key)).tag(2, 2).bytes(value).finish());
}

/** Linearizable, as etcd's default is. */
export function rangeRequest(key) {
  return envelope(new BinaryWriter().tag(1, 2).bytes(Buffer.from(key)).finish());
}

export const ETCD_PUT = '/etcdserverpb.KV/Put';
export const ETCD_RANGE = '/etcdserverpb.KV/Range';

/** Requests to the leader save etcd a hop. */
async function findLeader(urls) {
  for (const untilMs = Date.now() + STARTED_WITHIN_MS; ; await delay(100)) {
    for (const url of urls) {
      try {
        const { memberId, leader } = statusOf(
          await probe(`${url}/etcdserverpb.Maintenance/Status`, envelope(Buffer.alloc(0))),
        );
        if (leader !== 0n && memberId === leader) return url;
      } catch (error) {
        if (Date.now() > untilMs) throw error;
      }
    }
    if (Date.now() > untilMs) throw new Error('etcd elects no leader');
  }
}

/** StatusResponse: its header's member_id, and the leader's. */
function statusOf(message) {
  const found = { memberId: -1n, leader: 0n };
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) {
      const header = new BinaryReader(reader.bytes());
      while (header.pos < header.len) {
        const [inner, innerType] = header.tag();
        if (inner === 2) found.memberId = BigInt(header.uint64());
        else header.skip(innerType, inner);
      }
    } else if (field === 4) found.leader = BigInt(reader.uint64());
    else reader.skip(type, field);
  }
  return found;
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  for (const server of servers) server.close();
  return ports;
}
