/** Randomness as the services and storage nodes see it; the simulation draws it from its seed. */
export interface Random {
  /** Cryptographically strong in production. */
  bytes(count: number): Uint8Array;
  /** A UUID, version 7: sorts by time. */
  id(): string;
  /** Uniform in [0, 1); for jitter only. */
  fraction(): number;
}
