import { readFileSync, statSync } from 'node:fs';

/** Whom PostgreSQL runs as: itself refuses root. */
export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
}

const PREFERRED = ['postgres', 'nobody'];

/**
 * Undefined where this process is not root and PostgreSQL runs as the same user. The owner of existing data goes on
 * owning it; else an existing user is chosen, as none may be made.
 * @throws Error when the system has no such user
 */
export function unprivilegedUser(dataFolder: string): UnprivilegedUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(dataFolder, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of PREFERRED) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? [];
    if (uid !== undefined && gid !== undefined && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and this system has no user ${PREFERRED.join(' or ')}: ` +
      'start as another user, or set DATABASE_URL',
  );
}
