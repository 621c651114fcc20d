import type { SealingSecret } from '../domain/sealed-key.js';
import type { Clock } from '../ports/clock.js';
import type { CoordinatorStore } from '../ports/coordinator-store.js';

/** Unknown seals make the secrets be read again at most this often. */
const RENEWED_FOR_MS = 1000;

/** The cluster's sealing secrets as this coordinator knows them; another may have learnt of a rotation sooner. */
export class SealingSecrets {
  readonly #store: Pick<CoordinatorStore, 'identity'>;
  readonly #clock: Clock;
  #known: readonly SealingSecret[];
  #readAtMs: number;
  /** When each was first seen here. */
  #seenSinceMs: ReadonlyMap<string, number>;
  #reading: Promise<void> | undefined;

  /** @param known as just read */
  constructor(store: Pick<CoordinatorStore, 'identity'>, clock: Clock, known: readonly SealingSecret[]) {
    this.#store = store;
    this.#clock = clock;
    this.#known = known;
    this.#readAtMs = clock.monotonicMs();
    this.#seenSinceMs = new Map(known.map((secret) => [nameOf(secret), this.#readAtMs]));
  }

  /** The current one first. */
  get known(): readonly SealingSecret[] {
    return this.#known;
  }

  /**
   * What new keys are sealed under: the newest, but none so fresh that another coordinator may have read the secrets
   * too recently to look it up.
   */
  get current(): SealingSecret {
    const knownBeforeMs = this.#clock.monotonicMs() - RENEWED_FOR_MS;
    const settled = this.#known.find((secret) => (this.#seenSinceMs.get(nameOf(secret)) ?? 0) <= knownBeforeMs);
    const current = settled ?? this.#known.at(-1);
    if (current === undefined) throw new Error('The cluster has no sealing secret.');
    return current;
  }

  /** @throws MetadataUnavailableError */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** For a seal of none of these: reads them again, unless that was just done. @throws MetadataUnavailableError */
  async renew(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#readAtMs >= RENEWED_FOR_MS) await this.read();
  }

  async #read(): Promise<void> {
    const { sealingSecrets } = await this.#store.identity();
    const nowMs = this.#clock.monotonicMs();
    const names = sealingSecrets.map(nameOf);
    this.#seenSinceMs = new Map(names.map((name) => [name, this.#seenSinceMs.get(name) ?? nowMs]));
    this.#known = sealingSecrets;
    this.#readAtMs = nowMs;
  }
}

function nameOf({ secret }: SealingSecret): string {
  return Buffer.from(secret).toString('base64');
}
