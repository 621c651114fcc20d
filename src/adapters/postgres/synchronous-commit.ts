import { ConnectionPool } from './connection-pool.js';
import { type DatabaseSettings, openClient } from './database.js';
import { translatePostgresError } from './postgres-errors.js';

/** They don't wait for the disk, or not for the synchronous standby where there is one. */
const LOSSY = new Set(['off', 'local']);

/** What was said to be stored could be lost with PostgreSQL's next crash. */
export class LossyCommitsError extends Error {
  constructor(value: string) {
    super(
      `PostgreSQL's synchronous_commit is "${value}" for this role and database, so a crash could lose incarnations and ` +
        'changes of the topology that coordinators rely on. Set it: alter role ... set synchronous_commit = on',
    );
    this.name = 'LossyCommitsError';
  }
}

/**
 * The settings with which a commit is durable before it is answered. Where role or database say otherwise, connections
 * begin with a parameter of their own: but not behind a pooler, which takes no such parameter (without prepared statements
 * there is one). Reservations of idempotency keys see to it in their own statement as well.
 * @throws LossyCommitsError, MetadataUnavailableError
 */
export async function withSynchronousCommit(settings: DatabaseSettings): Promise<DatabaseSettings> {
  const byDefault = await synchronousCommit(settings);
  if (!LOSSY.has(byDefault)) return settings;
  if (!settings.prepare) throw new LossyCommitsError(byDefault);
  const raised = { ...settings, synchronousCommit: true };
  const value = await synchronousCommit(raised);
  if (LOSSY.has(value)) throw new LossyCommitsError(value);
  return raised;
}

/** "" where the server knows no such thing. */
async function synchronousCommit(settings: DatabaseSettings): Promise<string> {
  const { statementTimeoutMs } = settings;
  const open = (onClose: () => void) => openClient(settings, onClose);
  const pool = new ConnectionPool({ open, max: 1, statementTimeoutMs });
  try {
    const [row] = await pool.run((sql) => sql`select current_setting('synchronous_commit', true) as value`);
    return String(row?.value ?? '');
  } catch (error) {
    throw translatePostgresError(error);
  } finally {
    await pool.end(1);
  }
}
