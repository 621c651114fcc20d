import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresIdempotencyStore } from '../../src/adapters/postgres/idempotency-store.js';
import { systemRandom } from '../../src/adapters/system/system-random.js';
import type { Dot } from '../../src/domain/clock.js';
import { type IdempotencyScope, type WriteAnswer, writeFingerprint } from '../../src/domain/idempotency.js';
import type { IdempotencyStore, Reservation } from '../../src/ports/idempotency-store.js';
import { eventually } from '../support/eventually.js';
import { MemoryMetadata, scopeName } from '../support/memory-metadata.js';
import { MemoryIdempotencyStore } from '../support/memory-stores.js';
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

  it('are reserved once, and tell everybody else what stands there', async () => {
    const scope = newScope();
    const first = reservation(scope);
    expect(await store.reserve(first)).toEqual({ kind: 'reserved' });
    const second = await store.reserve(reservation(scope, { fingerprint: OTHER, dot: { actor: 'd@1', timestamp: 1 } }));
    expect(second).toMatchObject({ kind: 'existing', record: { dot: first.dot, state: { kind: 'running' } } });
    const known = await store.find(scope);
    expect(plain(known?.fingerprint ?? OTHER)).toBe(plain(VALUE));
    expect(await store.find(newScope())).toBeUndefined();
  });

  it('give one of many who reserve at the same moment the row, among hundreds of others', async () => {
    const scopes = Array.from({ length: 300 }, newScope);
    const results = await Promise.all(
      scopes.flatMap((scope) => [1, 2, 3].map(() => store.reserve(reservation(scope)))),
    );
    scopes.forEach((_, i) => {
      const kinds = results.slice(3 * i, 3 * i + 3).map(({ kind }) => kind);
      expect(kinds.sort()).toEqual(['existing', 'existing', 'reserved']);
    });
  });

  it('count as reserved when the same attempt reserves again, since its first answer was lost', async () => {
    const one = reservation(newScope());
    await store.reserve(one);
    expect(await store.reserve(one)).toEqual({ kind: 'reserved' });
  });

  it('tell scopes apart by tenant, key and idempotency key', async () => {
    const scope = newScope();
    await store.reserve(reservation(scope));
    for (const other of [{ tenantNumber: 8 }, { key: Buffer.from('k') }, { idempotencyKey: Buffer.from('i') }]) {
      expect(await store.reserve(reservation({ ...scope, ...other }))).toEqual({ kind: 'reserved' });
    }
  });

  it('keep the first stored answer whole, and only for the dot that it is about', async () => {
    const scope = newScope();
    const { dot } = reservation(scope);
    await store.reserve(reservation(scope, { dot }));
    await store.storeAnswer(scope, { actor: 'zombie@1', timestamp: 3 }, { ...ANSWER, replicaCount: 1 });
    expect(await store.find(scope)).toMatchObject({ state: { kind: 'running' } });
    await store.storeAnswer(scope, dot, ANSWER);
    await store.storeAnswer(scope, dot, { ...ANSWER, replicaCount: 2 });
    expect(await store.find(scope)).toMatchObject({ dot, state: { kind: 'answered', answer: ANSWER } });
    expect(await store.takeOver(scope, VALUE, 'late', 1000)).toBeUndefined();
  });

  it('are taken over once the lease is over, with the dot of the row and by one only', async () => {
    const scope = newScope();
    const { dot } = reservation(scope);
    await store.reserve(reservation(scope, { dot, leaseMs: 50 }));
    expect(await store.takeOver(scope, VALUE, 'early', 1000)).toBeUndefined();
    await eventually(async () => (await store.find(scope))?.state.kind === 'free');
    const taken = await Promise.all(['x', 'y', 'z'].map((owner) => store.takeOver(scope, VALUE, owner, 60_000)));
    expect(taken.filter((result: Dot | undefined) => result !== undefined)).toEqual([dot]);
    expect(await store.find(scope)).toMatchObject({ state: { kind: 'running' } });
  });

  it('are not taken over with another fingerprint', async () => {
    const scope = newScope();
    await store.reserve(reservation(scope, { owner: 'first' }));
    await store.release(scope, 'first');
    expect(await store.takeOver(scope, OTHER, 'x', 1000)).toBeUndefined();
    expect(await store.takeOver(scope, VALUE, 'x', 1000)).toBeDefined();
  });

  it('are free at once when their owner gives them up, with the dot they had, and only then', async () => {
    const scope = newScope();
    const { dot } = reservation(scope);
    await store.reserve(reservation(scope, { dot, owner: 'mine' }));
    await store.release(scope, 'somebody else');
    expect(await store.find(scope)).toMatchObject({ state: { kind: 'running' } });
    await store.release(scope, 'mine');
    expect(await store.find(scope)).toMatchObject({ dot, state: { kind: 'free' } });
    expect(await store.takeOver(scope, VALUE, 'next', 60_000)).toEqual(dot);
  });

  it('are forgotten by their owner only, and never once answered', async () => {
    const scope = newScope();
    const { dot } = reservation(scope);
    await store.reserve(reservation(scope, { dot, owner: 'mine' }));
    await store.forget(scope, 'somebody else');
    expect(await store.find(scope)).toBeDefined();
    await store.forget(scope, 'mine');
    expect(await store.find(scope)).toBeUndefined();
    await store.reserve(reservation(scope, { dot, owner: 'mine' }));
    await store.storeAnswer(scope, dot, ANSWER);
    await store.forget(scope, 'mine');
    expect(await store.find(scope)).toBeDefined();
  });

  it('count as none after their 24 h: reserved anew, and removed a bounded number at a time', async () => {
    const [again, removed] = [newScope(), newScope()];
    for (const scope of [again, removed]) {
      await store.reserve(reservation(scope));
      await subject.expire(scope);
      expect(await store.find(scope)).toBeUndefined();
      expect(await store.takeOver(scope, VALUE, 'x', 1000)).toBeUndefined();
    }
    const dot = { actor: 'new@1', timestamp: 9 };
    expect(await store.reserve(reservation(again, { fingerprint: OTHER, dot }))).toEqual({ kind: 'reserved' });
    expect(await store.find(again)).toMatchObject({ dot, state: { kind: 'running' } });
    expect(await store.removeExpired(1)).toBe(1);
    expect(await store.removeExpired(1)).toBe(0);
    expect(await store.find(again)).toBeDefined();
  });
});
