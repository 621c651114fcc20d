import { and, desc, eq, isNull, max, placeholder, sql } from 'drizzle-orm';
import { IDEMPOTENCY_WINDOW_MS } from '../../domain/idempotency.js';
import type { ClusterIdentity, CoordinatorStore, Heartbeat } from '../../ports/coordinator-store.js';
import type { Random } from '../../ports/random.js';
import type { Database } from './database.js';
import { cluster } from './schema/cluster.js';
import { coordinators } from './schema/coordinators.js';
import { sealingSecrets } from './schema/sealing-secrets.js';

const SECRET_BYTES = 32;

export class PostgresCoordinatorStore implements CoordinatorStore {
  readonly #database: Database;
  readonly #random: Random;
  readonly #beat: ReturnType<typeof prepareHeartbeat>;

  constructor(database: Database, random: Random) {
    this.#database = database;
    this.#random = random;
    this.#beat = prepareHeartbeat(database);
  }

  async raiseIncarnation(coordinatorId: string, address: string): Promise<number> {
    const started = { address, startedAt: sql`now()`, heartbeatAt: sql`now()` };
    const [row] = await this.#database.run(() =>
      this.#database.drizzle
        .insert(coordinators)
        .values({ coordinatorId, incarnation: 1, address })
        .onConflictDoUpdate({
          target: coordinators.coordinatorId,
          set: { ...started, incarnation: sql`${coordinators.incarnation} + 1` },
        })
        .returning({ incarnation: coordinators.incarnation }),
    );
    if (row === undefined) throw new Error('PostgreSQL returned no incarnation.');
    return row.incarnation;
  }

  async heartbeat(coordinatorId: string, incarnation: number): Promise<Heartbeat> {
    const [row] = await this.#database.run(() => this.#beat.execute({ coordinatorId, incarnation }));
    // No row: the id was started again since. The clock is asked for all the same.
    if (row !== undefined) return { storeWallMs: Number(row.wallMs), current: true };
    const [now] = await this.#database.run(() => this.#database.drizzle.execute<{ wall_ms: string }>(CLOCK));
    return { storeWallMs: Number(now?.wall_ms), current: false };
  }

  async rotateSealingSecret(): Promise<void> {
    const secret = Buffer.from(this.#random.bytes(SECRET_BYTES));
    const forgotten = sql`${sealingSecrets.retiredAt} < now() - ${IDEMPOTENCY_WINDOW_MS}::float8 * interval '1 millisecond'`;
    await this.#database.run(() =>
      this.#database.drizzle.transaction(async (tx) => {
        // Rotations come one after the other.
        await tx.select().from(cluster).for('update');
        const [newest] = await tx.select({ number: max(sealingSecrets.secretNumber) }).from(sealingSecrets);
        await tx.delete(sealingSecrets).where(forgotten);
        await tx.update(sealingSecrets).set({ retiredAt: sql`now()` }).where(isNull(sealingSecrets.retiredAt));
        await tx.insert(sealingSecrets).values({ secretNumber: (newest?.number ?? 0) + 1, secret });
      }),
    );
  }

  async identity(): Promise<ClusterIdentity> {
    const { drizzle } = this.#database;
    const clusterId = this.#random.id();
    const secret = Buffer.from(this.#random.bytes(SECRET_BYTES));
    return this.#database.run(async () => {
      await drizzle.insert(cluster).values({ clusterId, epoch: 1, nextTenantNumber: 1 }).onConflictDoNothing();
      const [row] = await drizzle.select({ clusterId: cluster.clusterId }).from(cluster);
      const secrets = await this.#secrets(secret);
      if (row === undefined) throw new Error('The cluster row is missing.');
      return {
        clusterId: row.clusterId,
        sealingSecrets: secrets.map(({ secret, retiredAt }) => ({ secret, retiredAtMs: retiredAt?.getTime() })),
      };
    });
  }

  /** Newest first; the first secret is made when there is none. */
  async #secrets(first: Buffer) {
    const { drizzle } = this.#database;
    const newestFirst = () => drizzle.select().from(sealingSecrets).orderBy(desc(sealingSecrets.secretNumber));
    const known = await newestFirst();
    if (known.length > 0) return known;
    await drizzle.insert(sealingSecrets).values({ secretNumber: 1, secret: first }).onConflictDoNothing();
    return newestFirst();
  }
}

const WALL_MS = sql<string>`extract(epoch from clock_timestamp()) * 1000`;
const CLOCK = sql`select ${WALL_MS} as wall_ms`;

function prepareHeartbeat({ drizzle }: Database) {
  const wanted = and(
    eq(coordinators.coordinatorId, placeholder('coordinatorId')),
    eq(coordinators.incarnation, placeholder('incarnation')),
  );
  return drizzle
    .update(coordinators)
    .set({ heartbeatAt: sql`now()` })
    .where(wanted)
    .returning({ wallMs: WALL_MS })
    .prepare('quorate_heartbeat');
}
