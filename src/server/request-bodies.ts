import { Code, ConnectError } from '@connectrpc/connect';

const FIRST_BYTES = 512;

export interface BodyBudget {
  /** Of all requests together. */
  readonly bytesMax: number;
  /** Of one connection's requests. */
  readonly connectionBytesMax: number;
}

/**
 * The bodies of requests that are on their way, within a budget: memory follows what was received, never a length that was
 * declared. A part of a body is copied, since Node.js hands out small parts of buffers that are much larger.
 */
export class RequestBodies {
  readonly #budget: BodyBudget;
  readonly #ofConnection = new WeakMap<object, number>();
  #bytes = 0;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  /** What all bodies take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param connection what stands for the connection that the request came by */
  open(connection: object): RequestBody {
    return new RequestBody((bytes) => this.#charge(connection, bytes));
  }

  /** @param bytes negative when they are given back */
  #charge(connection: object, bytes: number): boolean {
    const ofConnection = (this.#ofConnection.get(connection) ?? 0) + bytes;
    const { bytesMax, connectionBytesMax } = this.#budget;
    if (bytes > 0 && (this.#bytes + bytes > bytesMax || ofConnection > connectionBytesMax)) return false;
    this.#bytes += bytes;
    this.#ofConnection.set(connection, ofConnection);
    return true;
  }
}

/** One body, as far as it was received. */
export class RequestBody {
  readonly #charge: (bytes: number) => boolean;
  #buffer = Buffer.alloc(0);
  #length = 0;
  #isReleased = false;

  constructor(charge: (bytes: number) => boolean) {
    this.#charge = charge;
  }

  get length(): number {
    return this.#length;
  }

  /** What was received, until more is. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @returns false where the budget is used up, or was given back: the part was not taken */
  add(part: Uint8Array): boolean {
    if (this.#isReleased) return false;
    const length = this.#length + part.length;
    if (length > this.#buffer.length && !this.#grow(length)) return false;
    this.#buffer.set(part, this.#length);
    this.#length = length;
    return true;
  }

  /**
   * Gives back what it takes of the budget; whoever still has its bytes may keep them. From here on it takes nothing: of a
   * request that was cut off, Node.js may hand out further parts after its end was told.
   */
  release(): void {
    this.#isReleased = true;
    this.#charge(-this.#buffer.length);
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
  }

  /** Doubled each time: it never takes more than twice what was received, and a little. */
  #grow(length: number): boolean {
    const capacity = Math.max(FIRST_BYTES, length, 2 * this.#buffer.length);
    if (!this.#charge(capacity - this.#buffer.length)) return false;
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.bytes);
    this.#buffer = grown;
    return true;
  }
}

/**
 * A body in one part, or in its own parts when it is longer than that. @throws ConnectError resource_exhausted where the budget
 * is used up
 */
export async function* inOnePart(
  source: AsyncIterable<Uint8Array>,
  body: RequestBody,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  let isLong = false;
  for await (const part of source) {
    if (isLong) yield part;
    else if (!body.add(part)) throw budgetUsedUp();
    else if (body.length > bytesMax) {
      isLong = true;
      yield body.bytes;
    }
  }
  if (!isLong && body.length > 0) yield body.bytes;
}

function budgetUsedUp(): ConnectError {
  return new ConnectError(
    'too many bytes of requests are on their way here, or by this connection: send it again later',
    Code.ResourceExhausted,
  );
}
