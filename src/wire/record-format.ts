import xxhash from 'xxhash-wasm';
import { CLOCK_ENTRIES_MAX, type Clock, compareDots, type Dot } from '../domain/clock.js';
import type { Reading } from '../domain/read-tally.js';
import type { VersionedRecord } from '../domain/record.js';

/**
 * How records are stored and sent, format 1, big-endian: format byte, checksum (xxHash32 of all that follows), kind,
 * number of clock entries, the entries (timestamp u64, actor's length u8, actor), greatest first, then the value.
 * The version's dot is the first entry. A node refuses a format newer than its own.
 */
export const RECORD_FORMAT = 1;

/** An actor is an id of at most 64 characters, "@" and a number. */
export const ACTOR_BYTES_MAX = 255;

const CHECKED_AT = 5;
const CLOCK_AT = 6;
const KINDS = { value: 1, tombstone: 2, head: 3 } as const;

const { h32Raw } = await xxhash();

export type DecodedRecord =
  | Exclude<Reading, { kind: 'absent' }>
  | { readonly kind: 'corrupt'; readonly reason: string };

export function encodeRecord({ clock, version }: VersionedRecord): Uint8Array {
  return version.value === null
    ? encode(KINDS.tombstone, clock, new Uint8Array(0))
    : encode(KINDS.value, clock, version.value);
}

/** The record without its value; a tombstone is whole as it is. */
export function encodeHead({ clock, version }: VersionedRecord): Uint8Array {
  return encode(version.value === null ? KINDS.tombstone : KINDS.head, clock, new Uint8Array(0));
}

/** The value is a view of the given bytes. */
export function decodeRecord(bytes: Uint8Array): DecodedRecord {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < CLOCK_AT) return corrupt('it is too short');
  if (view[0] !== RECORD_FORMAT) return corrupt(`its format is ${view[0]}, this release reads ${RECORD_FORMAT}`);
  if (view.readUInt32BE(1) !== h32Raw(view.subarray(CHECKED_AT))) return corrupt('its checksum does not match');
  const read = readClock(view, CLOCK_AT);
  const dot = read?.clock[0];
  if (read === undefined || dot === undefined) return corrupt('its clock is malformed');
  switch (view[CHECKED_AT]) {
    case KINDS.value:
      return { kind: 'record', record: { clock: read.clock, version: { dot, value: view.subarray(read.end) } } };
    case KINDS.tombstone:
      return { kind: 'record', record: { clock: read.clock, version: { dot, value: null } } };
    case KINDS.head:
      return { kind: 'head', clock: read.clock };
    default:
      return corrupt('its kind is unknown');
  }
}

/** A clock alone, as answers carry it. */
export function encodeClock(clock: Clock): Uint8Array {
  const bytes = Buffer.allocUnsafe(clockBytes(clock));
  writeClock(bytes, 0, clock);
  return bytes;
}

/** Undefined for malformed bytes. */
export function decodeClock(bytes: Uint8Array): Clock | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const read = readClock(view, 0);
  return read?.end === view.length ? read.clock : undefined;
}

function encode(kind: number, clock: Clock, value: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(CHECKED_AT + 1 + clockBytes(clock) + value.length);
  bytes[0] = RECORD_FORMAT;
  bytes[CHECKED_AT] = kind;
  bytes.set(value, writeClock(bytes, CLOCK_AT, clock));
  bytes.writeUInt32BE(h32Raw(bytes.subarray(CHECKED_AT)), 1);
  return bytes;
}

function clockBytes(clock: Clock): number {
  return clock.reduce((sum, { actor }) => sum + 9 + Buffer.byteLength(actor), 1);
}

function writeClock(bytes: Buffer, at: number, clock: Clock): number {
  let position = bytes.writeUInt8(clock.length, at);
  for (const { actor, timestamp } of clock) {
    position = bytes.writeUInt32BE(Math.floor(timestamp / 2 ** 32), position);
    position = bytes.writeUInt32BE(timestamp % 2 ** 32, position);
    const length = bytes.write(actor, position + 1);
    bytes[position] = length;
    position += 1 + length;
  }
  return position;
}

function readClock(view: Buffer, at: number): { clock: Clock; end: number } | undefined {
  const count = view[at];
  if (count === undefined || count > CLOCK_ENTRIES_MAX) return undefined;
  const dots: Dot[] = [];
  let position = at + 1;
  for (let i = 0; i < count; i++) {
    const actorAt = position + 9;
    const length = view[actorAt - 1];
    if (length === undefined || actorAt + length > view.length) return undefined;
    const timestamp = view.readUInt32BE(position) * 2 ** 32 + view.readUInt32BE(position + 4);
    if (!Number.isSafeInteger(timestamp)) return undefined;
    dots.push({ timestamp, actor: view.toString('utf8', actorAt, actorAt + length) });
    position = actorAt + length;
  }
  return isClock(dots) ? { clock: dots, end: position } : undefined;
}

/** Order and uniqueness are part of a clock's value. */
function isClock(dots: readonly Dot[]): dots is Clock {
  return dots.every((dot, i) => {
    const before = dots[i - 1];
    if (before === undefined) return true;
    return compareDots(before, dot) > 0 && dots.findIndex(({ actor }) => actor === dot.actor) === i;
  });
}

function corrupt(reason: string): DecodedRecord {
  return { kind: 'corrupt', reason: `the record is unusable: ${reason}` };
}
