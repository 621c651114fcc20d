import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RegisterOperation } from './history.js';
import { inventionIn, violationOf } from './register-checker.js';

/** Tries every order. */
function dumbVerdict(operations: readonly RegisterOperation[]): boolean {
  const place = (left: readonly RegisterOperation[], value: string | undefined): boolean => {
    // Writes of unknown outcome may never happen.
    if (left.every(({ returnedMs }) => returnedMs === Number.POSITIVE_INFINITY)) return true;
    return left.some((operation) => {
      if (left.some((other) => other !== operation && other.returnedMs < operation.invokedMs)) return false;
      if (operation.kind === 'read' && operation.value !== value) return false;
      const rest = left.filter((other) => other !== operation);
      return place(rest, operation.kind === 'write' ? operation.value : value);
    });
  };
  return place(operations, undefined);
}

const operation = (
  kind: 'write' | 'read',
  value: string | undefined,
  invokedMs: number,
  returnedMs: number,
): RegisterOperation => ({ key: 'k', client: 'c', kind, value, invokedMs, returnedMs });

describe('the checker', () => {
  it('agrees with one that tries every order, on small histories with unknown outcomes', () => {
    const time = fc.integer({ min: 0, max: 12 });
    const span = fc.tuple(
      time,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 3 }),
      fc.boolean(),
      fc.nat({ max: 3 }),
    );
    let [good, bad] = [0, 0];
    fc.assert(
      fc.property(fc.array(span, { maxLength: 7 }), (spans) => {
        // Times of different operations never tie: which comes first would be up to the reader.
        const operations = spans.map(([at, length, unknown, isWrite, read], i) => {
          const invokedMs = at + i / 100;
          if (isWrite)
            return operation(
              'write',
              `v${i}`,
              invokedMs,
              unknown === 0 ? Number.POSITIVE_INFINITY : invokedMs + length + 0.005,
            );
          return operation('read', read === 3 ? undefined : `v${read}`, invokedMs, invokedMs + length + 0.005);
        });
        const written = operations.filter(({ kind }) => kind === 'write').map(({ value }) => value);
        const known = operations.filter(
          ({ kind, value }) => kind === 'write' || value === undefined || written.includes(value),
        );
        const verdict = violationOf(known) === undefined;
        expect(verdict).toBe(dumbVerdict(known));
        if (verdict) good++;
        else bad++;
      }),
      { numRuns: 5000 },
    );
    expect(Math.min(good, bad)).toBeGreaterThan(500);
  });

  it('finds a value that comes back, one that was never written, and one that is lost', () => {
    const [v, w] = [operation('write', 'v', 0, 1), operation('write', 'w', 2, 3)];
    const read = (value: string | undefined, at: number) => operation('read', value, at, at + 0.5);
    expect(violationOf([v, w, read('w', 4), read('w', 5)])).toBeUndefined();
    expect(violationOf([v, read('v', 1.2), w, read('w', 4), read('v', 5)])).toContain('v');
    expect(violationOf([v, read('x', 4)])).toContain('nobody wrote it');
    expect(violationOf([v, read(undefined, 4)])).toContain('absent');
    expect(violationOf([v, w, read('v', 4)])).toBeDefined();
    expect(violationOf([read('v', -2), v])).toContain('before it was written');
  });

  it('takes from replicas that forget any value that somebody had begun to write, and no other', () => {
    const [v, w] = [operation('write', 'v', 0, 1), operation('write', 'w', 2, 3)];
    const read = (value: string | undefined, at: number) => operation('read', value, at, at + 0.5);
    expect(inventionIn([v, w, read('v', 4), read('w', 5), read(undefined, 6)])).toBeUndefined();
    expect(inventionIn([v, w, read('x', 4)])).toContain('x');
    expect(inventionIn([read('w', 1), v, w])).toContain('w');
  });

  it('lets a write of unknown outcome happen late, or never, but not twice', () => {
    const unknown = operation('write', 'u', 0, Number.POSITIVE_INFINITY);
    const w = operation('write', 'w', 1, 2);
    const read = (value: string, at: number) => operation('read', value, at, at + 0.5);
    expect(violationOf([unknown, w, read('w', 3)])).toBeUndefined();
    expect(violationOf([unknown, w, read('w', 3), read('u', 4)])).toBeUndefined();
    expect(violationOf([unknown, w, read('u', 3), read('w', 4), read('u', 5)])).toBeDefined();
  });
});
