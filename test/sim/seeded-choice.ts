import type { Random } from '../../src/ports/random.js';

/** What a schedule draws from its seed. */
export class SeededChoice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  fraction(): number {
    return this.#random.fraction();
  }

  chance(probability: number): boolean {
    return probability > 0 && this.#random.fraction() < probability;
  }

  between(min: number, max: number): number {
    return min + (max - min) * this.#random.fraction();
  }

  /** Both ends included. */
  integer(min: number, max: number): number {
    return min + Math.floor((max - min + 1) * this.#random.fraction());
  }

  oneOf<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(items.length * this.#random.fraction())];
    if (item === undefined) throw new Error('there is nothing to choose from');
    return item;
  }
}
