import { beforeEach, describe, expect, it } from 'vitest';
import { DiskRoom } from '../../src/storage-node/disk-room.js';
import { VirtualClock } from '../support/virtual-clock.js';

const MIB = 1024 ** 2;
const FLOOR_BYTES = 64 * MIB;

describe('the room on a disk', () => {
  let clock: VirtualClock;
  let freeBytes: number;
  let looks: number;
  let room: DiskRoom;

  beforeEach(async () => {
    clock = new VirtualClock();
    freeBytes = 1024 * MIB;
    looks = 0;
    const look = async () => {
      looks++;
      return freeBytes;
    };
    room = await clock.settle(DiskRoom.open({ freeBytes: look, freeBytesMin: FLOOR_BYTES }, clock));
  });

  it('is looked at once a second at most while little is taken, and not at all while nothing is', async () => {
    for (let i = 0; i < 500; i++) {
      expect(room.take(100)).toBe(true);
      await clock.advance(10);
    }
    expect(looks).toBe(5);
    await clock.advance(60_000);
    expect(looks).toBe(5);
  });

  it('is looked at more often the faster it is taken, so that nobody gets below the floor between two looks', async () => {
    freeBytes = FLOOR_BYTES + 100 * MIB;
    for (let i = 0; i < 400; i++) {
      if (room.take(MIB)) freeBytes -= MIB;
      await clock.advance(0);
    }
    expect(freeBytes).toBeGreaterThanOrEqual(FLOOR_BYTES);
    expect(freeBytes).toBeLessThan(FLOOR_BYTES + 40 * MIB);
    expect(looks).toBeLessThan(20);
  });

  it('takes nothing that would go below the floor before the next look', () => {
    let taken = 0;
    while (room.take(MIB)) taken++;
    expect(taken).toBeGreaterThan(900);
    expect(taken).toBeLessThan(960);
  });

  it('is over when others have filled the disk, and back within a second of them leaving it, though nobody writes', async () => {
    freeBytes = FLOOR_BYTES - 1;
    await clock.advance(1000);
    room.take(1);
    await clock.advance(0);
    expect(room.take(1)).toBe(false);
    freeBytes = 1024 * MIB;
    expect(room.take(1)).toBe(false);
    await clock.advance(1000);
    expect(room.take(1)).toBe(true);
  });

  it('is there for the node itself below the floor, and waited for where there is none', async () => {
    freeBytes = MIB;
    await clock.settle(room.untilOwnEntriesFit());
    freeBytes = 0;
    const fits = room.untilOwnEntriesFit().then(() => clock.monotonicMs());
    await clock.advance(5000);
    freeBytes = MIB;
    const atMs = clock.monotonicMs();
    expect((await clock.settle(fits)) - atMs).toBeLessThanOrEqual(1000);
  });
});
