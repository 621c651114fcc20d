import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';

/** What a lock's judge knows of the machine. */
export interface LockSurroundings {
  readonly host: string;
  /** Names one run of this kernel; undefined where the system does not tell. */
  readonly boot: string | undefined;
  /** Whether another kernel may have the folder, too, so that nobody here can tell whether a process there lives. */
  isShared(folder: string): Promise<boolean>;
}

/**
 * Types of file systems (statfs(2), and APFS and HFS of macOS) that one kernel at a time has: ext, XFS, Btrfs, tmpfs,
 * ramfs, overlayfs, ZFS, F2FS, bcachefs. All others, such as NFS, SMB, 9p, virtiofs and FUSE, count as shared.
 */
const OF_ONE_KERNEL: ReadonlySet<number> = new Set([
  ...[0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e],
  ...(process.platform === 'darwin' ? [0x1a, 0x17] : []),
]);

export function systemSurroundings(): LockSurroundings {
  return { host: hostname(), boot: bootId(), isShared: async (folder) => !isOfOneKernel((await statfs(folder)).type) };
}

export function isOfOneKernel(fileSystemType: number): boolean {
  return OF_ONE_KERNEL.has(fileSystemType);
}

function bootId(): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'latin1' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
