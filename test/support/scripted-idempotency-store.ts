import { MetadataUnavailableError } from '../../src/domain/errors.js';
import type { IdempotencyStore } from '../../src/ports/idempotency-store.js';

type Method = keyof IdempotencyStore;
/** `away`: fails at once. `silent`: never answers. Neither has an effect. `lossy`: has its effect, and its answer is lost. */
type Conduct = 'up' | 'away' | 'silent' | 'lossy';

/** A store whose conduct a test sets, for each method or for all of them. */
export class ScriptedIdempotencyStore implements IdempotencyStore {
  readonly #store: IdempotencyStore;
  readonly #conduct = new Map<Method, Conduct>();
  readonly #hooks = new Map<Method, () => void>();
  /** Kept, as a driver keeps a statement that is under way. */
  readonly #unanswered: unknown[] = [];
  readonly #delays = new Map<Method, (done: () => void) => void>();
  /** What it was asked, in order. */
  readonly seen: Method[] = [];

  constructor(store: IdempotencyStore) {
    this.#store = store;
  }

  set(conduct: Conduct, ...methods: readonly Method[]): void {
    for (const method of methods.length === 0 ? METHODS : methods) this.#conduct.set(method, conduct);
  }

  /** What happens each time when it is asked. */
  on(method: Method, hook: () => void): void {
    this.#hooks.set(method, hook);
  }

  /** What passes each time before an answer that it gives arrives. */
  delay(method: Method, pass: (done: () => void) => void): void {
    this.#delays.set(method, pass);
  }

  readonly reserve: IdempotencyStore['reserve'] = (...args) => this.#ask('reserve', () => this.#store.reserve(...args));
  readonly find: IdempotencyStore['find'] = (...args) => this.#ask('find', () => this.#store.find(...args));
  readonly takeOver: IdempotencyStore['takeOver'] = (...args) =>
    this.#ask('takeOver', () => this.#store.takeOver(...args));
  readonly storeAnswer: IdempotencyStore['storeAnswer'] = (...args) =>
    this.#ask('storeAnswer', () => this.#store.storeAnswer(...args));
  readonly release: IdempotencyStore['release'] = (...args) => this.#ask('release', () => this.#store.release(...args));
  readonly forget: IdempotencyStore['forget'] = (...args) => this.#ask('forget', () => this.#store.forget(...args));
  readonly removeExpired: IdempotencyStore['removeExpired'] = (...args) =>
    this.#ask('removeExpired', () => this.#store.removeExpired(...args));

  #ask<Result>(method: Method, work: () => Promise<Result>): Promise<Result> {
    this.seen.push(method);
    this.#hooks.get(method)?.();
    switch (this.#conduct.get(method) ?? 'up') {
      case 'up':
        return this.#later(method, work());
      case 'away':
        return Promise.reject(new MetadataUnavailableError('the metadata store (PostgreSQL) is away'));
      case 'lossy':
        return work().then(() => {
          throw new MetadataUnavailableError('the answer of the metadata store (PostgreSQL) was lost');
        });
      case 'silent':
        return new Promise((resolve) => void this.#unanswered.push(resolve));
    }
  }

  #later<Result>(method: Method, answer: Promise<Result>): Promise<Result> {
    const pass = this.#delays.get(method);
    return pass === undefined ? answer : new Promise<void>(pass).then(() => answer);
  }
}

const METHODS: readonly Method[] = ['reserve', 'find', 'takeOver', 'storeAnswer', 'release', 'forget', 'removeExpired'];
