/** Who has a folder, as far as it is known. */
export interface LockHolder {
  /** In its own PID namespace. */
  readonly pid: number | undefined;
  readonly host: string | undefined;
  /** Names one run of its kernel. */
  readonly boot: string | undefined;
  readonly info: Readonly<Record<string, string>>;
}

/** A process that lives has the folder. */
export class FolderInUseError extends Error {
  readonly holder: LockHolder;

  constructor(folder: string, holder: LockHolder) {
    super(`${folder} is in use by ${holderText(holder)}`);
    this.name = 'FolderInUseError';
    this.holder = holder;
  }
}

/** Another host, or an earlier boot, had the folder last and did not release it: nobody here can tell whether it lives. */
export class FolderLockedElsewhereError extends Error {
  constructor(folder: string, holder: LockHolder) {
    const boot = bootName(holder);
    super(
      `${folder} lies on a file system that hosts share, and is locked by ${holderText(holder)}, boot ${boot}. ` +
        `Make sure that this process is gone for good, then start once with --take-over ${boot}`,
    );
    this.name = 'FolderLockedElsewhereError';
  }
}

/** No lock can be made there. */
export class FolderLockError extends Error {
  constructor(folder: string, cause: unknown) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    super(
      `${folder} can't be locked: a unix socket can't be made or linked in it (${code}). ` +
        (NO_SOCKETS.has(code)
          ? 'Its file system seems to have none: choose a folder on another one'
          : (REASONS[code] ?? '')),
      { cause },
    );
    this.name = 'FolderLockError';
  }
}

const NO_SOCKETS: ReadonlySet<string> = new Set([
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EPERM',
  'EINVAL',
  'EIO',
  'UNKNOWN',
]);
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'This user may not write there',
  EROFS: 'Its file system is read-only',
  ENOSPC: 'Its disk is full',
};

/** How a boot is named to who takes its locks over. */
export function bootName({ boot }: LockHolder): string {
  return boot ?? 'unknown';
}

function holderText({ pid, host }: LockHolder): string {
  const process = pid === undefined ? 'a process that tells nothing of itself' : `process ${pid}`;
  return host === undefined ? process : `${process} on host ${host}`;
}
