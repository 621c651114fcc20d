import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresIdempotencyStore } from '../../src/adapters/postgres/idempotency-store.js';
import { systemRandom } from '../../src/adapters/system/system-random.js';
import { MetadataUnavailableError } from '../../src/domain/errors.js';
import { type IdempotencyScope, type WriteAnswer, writeFingerprint } from '../../src/domain/idempotency.js';
import type { IdempotencyStore, KeyedRow, Reservation } from '../../src/ports/idempotency-store.js';
import { eventually } from '../support/eventually.js';
import { MemoryIdempotencyStore } from '../support/memory-idempotency-store.js';
import { MemoryMetadata, scopeName } from '../support/memory-metadata.js';
import { openTestDatabase } from '../support/test-database.js';

interface Subject {
  readonly store: IdempotencyStore;
  /** Makes the row as old as if its 24 h were over. */
  readonly expire: (scope: IdempotencyScope) => Promise<void>;
  readonly close: () => Promise<void>;
}

const bytesOf = (scope: IdempotencyScope) => [Buffer.from(scope.key), Buffer.from(scope.idempotencyKey)] as const;

async function postgresSubject(): Promise<Subject> {
  const { database, close } = await openTestDatabase();
  const expire = async (scope: IdempotencyScope) => {
    const [key, idempotencyKey] = bytesOf(scope);
    await database.query(
      (sql) => sql`update quorate.idempotency_records set expires_at = now()
        where tenant_number = ${scope.tenantNumber} and key = ${key} and idempotency_key = ${idempotencyKey}`,
    );
  };
  return { store: new PostgresIdempotencyStore(database), expire, close };
}

async function memorySubject(): Promise<Subject> {
  const metadata = new MemoryMetadata(systemRandom, () => Date.now());
  const expire = async (scope: IdempotencyScope) => {
    const row = metadata.idempotency.get(scopeName(scope));
    if (row !== undefined) row.expiresAtMs = 0;
  };
  return { store: new MemoryIdempotencyStore(metadata), expire, close: async () => {} };
}

const VALUE = writeFingerprint(Buffer.from('value'));
const OTHER = writeFingerprint(Buffer.from('other'));
const ANSWER: WriteAnswer = {
  clock: [
    { actor: 'c@2', timestamp: 2 ** 53 - 1 },
    { actor: 'c@1', timestamp: 5 },
  ],
  replicaCount: 3,
  level: 'all',
};
let count = 0;

/** A scope that no other test uses; keys may hold any byte. */
const newScope = (): IdempotencyScope => ({
  tenantNumber: 7,
  key: Buffer.from(`key\0é ${++count}`),
  idempotencyKey: Buffer.from([0, 255, 39, 92, count]),
});
const reservation = (scope: IdempotencyScope, more: Partial<Reservation> = {}): Reservation => ({
  scope,
  fingerprint: VALUE,
  dot: { actor: 'c@1', timestamp: 2 ** 53 - 2 },
  owner: `owner-${++count}`,
  leaseMs: 60_000,
  ...more,
});
const plain = (fingerprint: Uint8Array) => Buffer.from(fingerprint).toString('hex');
const dotAt = (timestamp: number) => ({ actor: 'other@1', timestamp });

describe.each([
  ['in memory', memorySubject],
  ['in PostgreSQL', postgresSubject],
])('idempotency keys %s', (_name, open) => {
  let subject: Subject;
  let store: IdempotencyStore;

  beforeAll(async () => {
    subject = await open();
    store = subject.store;
  });
  afterAll(() => subject.close());

  const reserve = (one: Reservation) => store.reserve(one, 5000);
  const find = (scope: IdempotencyScope) => store.find(scope, 5000);
  const reserved = async (more: Partial<Reservation> = {}) => {
    const row = reservation(newScope(), more);
    expect(await reserve(row)).toEqual({ kind: 'reserved' });
    return row;
  };
  const takeOver = ({ scope, fingerprint }: KeyedRow, owner: string, leaseMs = 60_000) =>
    store.takeOver(scope, fingerprint, owner, leaseMs);
  /** What other tests have forgotten. */
  const removeAllExpired = async () => {
    while ((await store.removeExpired(100)) > 0);
  };

  it('are reserved once, and tell everybody else what stands there', async () => {
    const first = await reserved();
    const second = await reserve(reservation(first.scope, { fingerprint: OTHER, dot: dotAt(1) }));
    expect(second).toMatchObject({ kind: 'existing', record: { dot: first.dot, state: { kind: 'running' } } });
    const known = await find(first.scope);
    expect(plain(known?.fingerprint ?? OTHER)).toBe(plain(VALUE));
    expect(await find(newScope())).toBeUndefined();
  });

  it('give one of many who reserve at the same moment the row, among hundreds of others', async () => {
    const scopes = Array.from({ length: 300 }, newScope);
    const results = await Promise.all(scopes.flatMap((scope) => [1, 2, 3].map(() => reserve(reservation(scope)))));
    scopes.forEach((_, i) => {
      const kinds = results.slice(3 * i, 3 * i + 3).map(({ kind }) => kind);
      expect(kinds.sort()).toEqual(['existing', 'existing', 'reserved']);
    });
    const found = await Promise.all([...scopes, newScope()].map(find));
    expect(found.map((record) => record?.state.kind)).toEqual([...scopes.map(() => 'running'), undefined]);
  });

  it('count as reserved when the same attempt reserves again, since its first answer was lost', async () => {
    const one = await reserved();
    expect(await reserve(one)).toEqual({ kind: 'reserved' });
  });

  it('tell scopes apart by tenant, key and idempotency key', async () => {
    const { scope } = await reserved();
    for (const other of [{ tenantNumber: 8 }, { key: Buffer.from('k') }, { idempotencyKey: Buffer.from('i') }]) {
      expect(await reserve(reservation({ ...scope, ...other }))).toEqual({ kind: 'reserved' });
    }
  });

  it('keep the first stored answer whole, and only for the dot that it is about', async () => {
    const row = await reserved();
    await store.storeAnswer({ ...row, dot: dotAt(3) }, { ...ANSWER, replicaCount: 1 });
    expect(await find(row.scope)).toMatchObject({ state: { kind: 'running' } });
    await store.storeAnswer(row, ANSWER);
    await store.storeAnswer(row, { ...ANSWER, replicaCount: 2 });
    expect(await find(row.scope)).toMatchObject({ dot: row.dot, state: { kind: 'answered', answer: ANSWER } });
    expect(await takeOver(row, 'late')).toBeUndefined();
  });

  it('live 24 h from their answer', async () => {
    const row = await reserved();
    await subject.expire(row.scope);
    await store.storeAnswer(row, ANSWER);
    expect(await find(row.scope)).toMatchObject({ state: { kind: 'answered', answer: ANSWER } });
  });

  it('come back with an answer or a release where the store lost the reservation', async () => {
    const [answered, released] = [reservation(newScope()), reservation(newScope())];
    await store.storeAnswer(answered, ANSWER);
    expect(await find(answered.scope)).toMatchObject({
      dot: answered.dot,
      state: { kind: 'answered', answer: ANSWER },
    });
    await store.release(released, false);
    expect(await takeOver(released, 'next')).toEqual({ dot: released.dot, maybeAnswered: false });
  });

  it('are taken over once the lease is over, with the dot of the row and by one only', async () => {
    const row = await reserved({ leaseMs: 50 });
    expect(await takeOver(row, 'early')).toBeUndefined();
    await eventually(async () => (await find(row.scope))?.state.kind === 'free');
    const taken = await Promise.all(['x', 'y', 'z'].map((owner) => takeOver(row, owner)));
    expect(taken.filter((result) => result !== undefined)).toEqual([{ dot: row.dot, maybeAnswered: true }]);
    expect(await find(row.scope)).toMatchObject({ state: { kind: 'running' } });
  });

  it('are not taken over with another fingerprint', async () => {
    const row = await reserved();
    await store.release(row, false);
    expect(await takeOver({ ...row, fingerprint: OTHER }, 'x')).toBeUndefined();
    expect(await takeOver(row, 'x')).toBeDefined();
  });

  it('are free at once when their owner gives them up, with the dot they had, and only then', async () => {
    const row = await reserved();
    await store.release({ ...row, owner: 'somebody else' }, false);
    expect(await find(row.scope)).toMatchObject({ state: { kind: 'running' } });
    await store.release(row, false);
    expect(await find(row.scope)).toMatchObject({ dot: row.dot, state: { kind: 'free' } });
    expect(await takeOver(row, 'next')).toEqual({ dot: row.dot, maybeAnswered: false });
  });

  it('remember, when they are given up, that an owner before may have answered', async () => {
    const row = await reserved({ leaseMs: 0 });
    expect(await takeOver(row, 'second')).toMatchObject({ maybeAnswered: true });
    await store.release({ ...row, owner: 'second' }, true);
    expect(await takeOver(row, 'third')).toMatchObject({ maybeAnswered: true });
  });

  it('are forgotten by their owner only, and never once answered', async () => {
    const row = await reserved();
    await store.forget({ ...row, owner: 'somebody else' });
    expect(await find(row.scope)).toBeDefined();
    await store.forget(row);
    expect(await find(row.scope)).toBeUndefined();
    expect(await takeOver(row, 'x')).toBeUndefined();
    const again = reservation(row.scope, { fingerprint: OTHER });
    expect(await reserve(again)).toEqual({ kind: 'reserved' });
    await store.storeAnswer(again, ANSWER);
    await store.forget(again);
    expect(await find(row.scope)).toBeDefined();
  });

  it('that were forgotten before their reservation arrived are not reserved by it, but by any other', async () => {
    const late = reservation(newScope());
    await store.forget(late);
    await expect(reserve(late)).rejects.toBeInstanceOf(MetadataUnavailableError);
    expect(await find(late.scope)).toBeUndefined();
    expect(await reserve(reservation(late.scope))).toEqual({ kind: 'reserved' });
  });

  it('are released, answered and forgotten by many requests at the same moment', async () => {
    const rows = await Promise.all(Array.from({ length: 300 }, () => reserved()));
    await Promise.all(
      rows.map((row, i) => {
        if (i % 3 === 0) return store.storeAnswer(row, ANSWER);
        return i % 3 === 1 ? store.release(row, false) : store.forget(row);
      }),
    );
    const found = await Promise.all(rows.map(({ scope }) => find(scope)));
    expect(found.map((record) => record?.state.kind)).toEqual(
      rows.map((_, i) => ['answered', 'free', undefined][i % 3]),
    );
  });

  it('count as none after their 24 h: reserved anew, and removed a bounded number at a time', async () => {
    await removeAllExpired();
    const [again, removed] = [await reserved(), await reserved()];
    for (const row of [again, removed]) {
      await subject.expire(row.scope);
      expect(await find(row.scope)).toBeUndefined();
      expect(await takeOver(row, 'x')).toBeUndefined();
    }
    const dot = dotAt(9);
    expect(await reserve(reservation(again.scope, { fingerprint: OTHER, dot }))).toEqual({ kind: 'reserved' });
    expect(await find(again.scope)).toMatchObject({ dot, state: { kind: 'running' } });
    expect(await store.removeExpired(1)).toBe(1);
    expect(await store.removeExpired(1)).toBe(0);
    expect(await find(again.scope)).toBeDefined();
  });
});
