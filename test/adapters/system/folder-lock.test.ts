import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireFolderLock, type FolderLock, type LockOptions } from '../../../src/adapters/system/folder-lock.js';
import {
  FolderInUseError,
  FolderLockError,
  FolderLockedElsewhereError,
} from '../../../src/adapters/system/lock-errors.js';
import { askListener, listenOn, openSocketFolder } from '../../../src/adapters/system/lock-socket.js';
import { isOfOneKernel, type LockSurroundings } from '../../../src/adapters/system/lock-surroundings.js';
import { Gate } from '../../support/gate.js';

const COMERS = 8;
const ROUNDS = 6;
/** What ended a process in the middle leaves: a socket of that name that nobody listens on. */
const LEAVE_SOCKET = `
  const server = require('node:net').createServer();
  server.listen({ path: process.argv[1] }, () => process.kill(process.pid, 'SIGKILL'));`;

describe('a lock on a folder', () => {
  let folder: string;
  let held: FolderLock[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-lock-'));
    held = [];
  });
  afterEach(async () => {
    for (const lock of held) await lock.release();
    await rm(folder, { recursive: true, force: true });
  });

  const acquire = async (options: Partial<LockOptions> = {}, path = folder) => {
    const lock = await acquireFolderLock(path, { info: { name: 'this test' }, ...options });
    held.push(lock);
    return lock;
  };
  const release = async (lock: FolderLock) => {
    held = held.filter((one) => one !== lock);
    await lock.release();
  };
  const leaveSocket = (name: string) => {
    expect(spawnSync(process.execPath, ['-e', LEAVE_SOCKET, join(folder, name)]).signal).toBe('SIGKILL');
  };
  /** A host whose kernel is another one. */
  const other = (boot: string, isShared = true): LockSurroundings => ({
    host: `host-${boot}`,
    boot,
    isShared: async () => isShared,
  });

  it('tells a second comer who holds it, and goes to the next when it is released', async () => {
    const lock = await acquire();
    const refusal = acquire();
    await expect(refusal).rejects.toBeInstanceOf(FolderInUseError);
    await expect(refusal).rejects.toMatchObject({
      message: `${folder} is in use by process ${process.pid} on host ${hostname()}`,
      holder: { pid: process.pid, host: hostname(), info: { name: 'this test' } },
    });
    await release(lock);
    await acquire();
  });

  it('goes to who waits for it, as soon as it is released', async () => {
    const lock = await acquire();
    const waiting = acquire({ waitMs: 30_000 });
    await release(lock);
    await waiting;
    await expect(acquire()).rejects.toBeInstanceOf(FolderInUseError);
  });

  it('goes to one only of many who find the same ended socket, or none', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 2 === 1) leaveSocket(`lock.${round * 10}`);
      const comers = await Promise.allSettled(Array.from({ length: COMERS }, () => acquire()));
      expect(comers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const comer of comers)
        if (comer.status === 'rejected') expect(comer.reason).toBeInstanceOf(FolderInUseError);
      for (const lock of [...held]) await release(lock);
    }
    expect((await readdir(folder)).filter((name) => name.startsWith('lock.')).length).toBeLessThanOrEqual(4);
  });

  it('gives way to who took the folder since it found the last socket ended', async () => {
    leaveSocket('lock.3');
    const judging = new Gate();
    const slow: LockSurroundings = { ...other('slow'), isShared: () => judging.opened.then(() => false) };
    const late = acquire({ surroundings: slow });
    for (let i = 0; i < 3; i++) await release(await acquire());
    await acquire();
    expect(await readdir(folder)).not.toContain('lock.4');
    judging.open();
    await expect(late).rejects.toMatchObject({ holder: { host: hostname() } });
  });

  it('is never held twice while comers come and go', async () => {
    let holders = 0;
    let greatest = 0;
    const comeAndGo = async () => {
      for (let turn = 0; turn < ROUNDS; turn++) {
        const lock = await acquireFolderLock(folder, { info: {}, waitMs: 60_000 });
        greatest = Math.max(greatest, ++holders);
        await readdir(folder);
        holders--;
        await lock.release();
      }
    };
    await Promise.all(Array.from({ length: COMERS }, comeAndGo));
    expect(greatest).toBe(1);
  });

  it('holds in a folder whose path no unix socket could have', async () => {
    const deep = join(folder, ...Array.from({ length: 12 }, (_, i) => `a-folder-with-a-long-name-${i}`));
    await mkdir(deep, { recursive: true });
    expect(deep.length).toBeGreaterThan(250);
    const lock = await acquire({}, deep);
    await expect(acquire({}, deep)).rejects.toBeInstanceOf(FolderInUseError);
    await release(lock);
    await acquire({}, deep);
  });

  it('finds a short way into a deep folder where open files are not shown as folders', async () => {
    const deep = join(folder, 'x'.repeat(120));
    await mkdir(deep);
    for (const path of [deep, folder]) {
      const way = await openSocketFolder(path, '/no/such/folder');
      expect(way.path('lock.1').length).toBeLessThanOrEqual(103);
      const server = await listenOn(way.path('lock.1'), 'here');
      expect(await askListener(way.path('lock.1'))).toEqual({ kind: 'listening', text: 'here' });
      server.close();
      await way.close();
      expect(await readdir(path)).not.toContain('to');
    }
  });

  it('says so where no unix socket can be made', async () => {
    const refusal = acquire({}, '/proc/self');
    await expect(refusal).rejects.toBeInstanceOf(FolderLockError);
    await expect(refusal).rejects.toThrow(/\/proc\/self can't be locked: a unix socket can't be made/);
  });

  it('of another boot stands on a file system that hosts share until it is taken over by name', async () => {
    leaveSocket('lock.3');
    await writeFile(join(folder, 'lock.3.json'), JSON.stringify({ pid: 7, host: 'gone', boot: 'boot-a', info: {} }));
    const here = { surroundings: other('boot-b') };
    const refusal = acquire(here);
    await expect(refusal).rejects.toBeInstanceOf(FolderLockedElsewhereError);
    await expect(refusal).rejects.toThrow('process 7 on host gone, boot boot-a');
    await expect(refusal).rejects.toThrow('--take-over boot-a');
    await expect(acquire({ ...here, takeOver: 'boot-b' })).rejects.toBeInstanceOf(FolderLockedElsewhereError);
    const lock = await acquire({ ...here, takeOver: 'boot-a' });
    await release(lock);
    // What was released in order needs nobody's word, wherever it was held.
    await acquire({ surroundings: other('boot-c') });
  });

  it('of another boot is over where one kernel alone can have the file system', async () => {
    leaveSocket('lock.3');
    await writeFile(join(folder, 'lock.3.json'), JSON.stringify({ pid: 7, host: 'gone', boot: 'boot-a', info: {} }));
    await acquire({ surroundings: other('boot-b', false) });
  });

  it('whose note was lost stands on a file system that hosts share, too', async () => {
    for (const note of [undefined, '', '{"pid":']) {
      await rm(join(folder, 'lock.3'), { force: true });
      leaveSocket('lock.3');
      if (note !== undefined) await writeFile(join(folder, 'lock.3.json'), note);
      const refusal = acquire({ surroundings: other('boot-b') });
      await expect(refusal).rejects.toThrow('by a process that tells nothing of itself, boot unknown');
    }
    await acquire({ surroundings: other('boot-b'), takeOver: 'unknown' });
  });

  it('knows ext4, XFS and tmpfs for file systems of one kernel, NFS and SMB for none', () => {
    expect([0xef53, 0x58465342, 0x01021994].map(isOfOneKernel)).toEqual([true, true, true]);
    expect([0x6969, 0xff534d42, 0x65735546].map(isOfOneKernel)).toEqual([false, false, false]);
  });

  it.skipIf(process.platform !== 'linux')(
    'is still held by a process that is stopped, and over when it is killed',
    async () => {
      const holder = spawn(process.execPath, ['-e', HOLD_SOCKET, join(folder, 'lock.1')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(holder.stdout, 'data');
      holder.kill('SIGSTOP');
      await writeFile(join(folder, 'lock.1.json'), JSON.stringify({ pid: holder.pid, host: 'h', boot: 'b', info: {} }));
      // More comers than its queue takes are told the same.
      const comers = await Promise.allSettled(Array.from({ length: 20 }, () => acquire()));
      for (const comer of comers) {
        expect(comer).toMatchObject({ status: 'rejected', reason: { holder: { pid: holder.pid, host: 'h' } } });
      }
      const gone = once(holder, 'exit');
      holder.kill('SIGKILL');
      await gone;
      await acquire();
    },
  );
});

const HOLD_SOCKET = `
  const server = require('node:net').createServer();
  server.listen({ path: process.argv[1], backlog: 4 }, () => console.log('listening'));`;
