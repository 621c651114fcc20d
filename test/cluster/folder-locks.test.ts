import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireFolderLock } from '../../src/adapters/system/folder-lock.js';
import { FolderInUseError } from '../../src/adapters/system/lock-errors.js';
import { killAll, runQuorate, startQuorate } from '../support/quorate-process.js';

/** As two containers are to each other: each sees its own processes only. */
const OTHER_PROCESSES = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
const mayUnshare = spawnSync(OTHER_PROCESSES[0] ?? '', [...OTHER_PROCESSES.slice(1), 'true']).status === 0;

describe.skipIf(!mayUnshare)('over PID namespaces (skipped where none can be made)', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-namespaces-'));
  });
  afterEach(async () => {
    await killAll();
    await rm(folder, { recursive: true, force: true });
  });

  it("a storage node's folder is held by one process, until that is gone", async () => {
    const secret = join(folder, 'secret');
    await writeFile(secret, 'the secret of a test', { mode: 0o600 });
    const data = join(folder, 'data');
    const flags = ['--id', 'n', '--data', data, '--cluster-secret-file', secret, '--listen', '127.0.0.1:0'];
    const node = startQuorate(['storage-node', ...flags], { through: OTHER_PROCESSES });
    await node.ready;
    const refusal = acquireFolderLock(data, { info: {} });
    await expect(refusal).rejects.toBeInstanceOf(FolderInUseError);
    await expect(refusal).rejects.toMatchObject({ holder: { host: hostname(), info: { nodeId: 'n' } } });
    node.kill('SIGKILL');
    await node.exited;
    const lock = await acquireFolderLock(data, { info: {}, waitMs: 20_000 });
    await lock.release();
  });

  it('a home is held by one `quorate up`, and the second says who that is', async () => {
    const home = join(folder, 'home');
    await mkdir(home);
    const lock = await acquireFolderLock(home, { info: { address: 'one.example:1' } });
    const second = await runQuorate(['up', '--home', home], { through: OTHER_PROCESSES });
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`process ${process.pid}, at one.example:1, on host ${hostname()}`);
    await lock.release();
  });
});
