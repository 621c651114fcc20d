import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A unix socket's path takes at most 103 bytes on macOS, 107 on Linux. */
const SOCKET_PATH_BYTES_MAX = 103;
/** Enough for every name of a lock in its folder. */
const NAME_BYTES_MAX = 40;
/** A holder that is stopped tells nothing; whoever asks goes on without. */
const TOLD_WITHIN_MS = 1000;
const TOLD_BYTES_MAX = 4096;

/** A way into a folder that is short enough for the path of a unix socket, however deep the folder lies. */
export interface SocketFolder {
  path(name: string): string;
  close(): Promise<void>;
}

/** @param openFiles where the system shows a process its open files as folders; Linux does */
export async function openSocketFolder(folder: string, openFiles = '/proc/self/fd'): Promise<SocketFolder> {
  if (existsSync(openFiles)) {
    const opened = openSync(folder, 'r');
    return { path: (name) => join(openFiles, String(opened), name), close: async () => closeSync(opened) };
  }
  const target = resolve(folder);
  if (Buffer.byteLength(target) + 1 + NAME_BYTES_MAX <= SOCKET_PATH_BYTES_MAX) {
    return { path: (name) => join(target, name), close: async () => {} };
  }
  const way = await mkdtemp(join(tmpdir(), 'quorate-'));
  await symlink(target, join(way, 'to'));
  return { path: (name) => join(way, 'to', name), close: () => rm(way, { recursive: true, force: true }) };
}

/** A socket that says the text to everybody who connects. It keeps no process running. */
export async function listenOn(path: string, text: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.setTimeout(TOLD_WITHIN_MS, () => socket.destroy());
    socket.end(text);
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen({ path }, listening);
  });
  server.on('error', () => {});
  server.unref();
  return server;
}

/** Ended: no process listens there. Gone: the name is no more. A stopped process still takes connections. */
export type Listener =
  | { readonly kind: 'listening'; readonly text: string }
  | { readonly kind: 'ended' }
  | { readonly kind: 'gone' };

/** The kernel tells whether the socket's process lives, whatever its PID namespace. @throws what else is wrong there */
export function askListener(path: string): Promise<Listener> {
  return new Promise((answer, failed) => {
    let text = '';
    const socket = connect({ path });
    const told = () => {
      socket.destroy();
      answer({ kind: 'listening', text });
    };
    socket.setTimeout(TOLD_WITHIN_MS, told);
    socket.on('data', (bytes) => {
      text += bytes.toString();
      if (text.length > TOLD_BYTES_MAX) told();
    });
    socket.on('end', told);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The name is a plain file where a copy of the folder was made by a program that knows no sockets.
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOTSOCK') answer({ kind: 'ended' });
      else if (error.code === 'ENOENT') answer({ kind: 'gone' });
      // Its queue of connections is full: it is stopped.
      else if (error.code === 'EAGAIN') told();
      // It ended between the connection and what it would have told; the next connection is refused.
      else if (error.code === 'ECONNRESET' || error.code === 'EPIPE') answer(askListener(path));
      else failed(error);
    });
  });
}
