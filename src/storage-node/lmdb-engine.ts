import { type Database, open } from 'lmdb';
import type { EngineEntry, EngineWrite, StorageEngine } from '../ports/storage-engine.js';

/**
 * One LMDB environment. Without overlapping sync a commit becomes visible after it is flushed and its promise then
 * resolves, so nothing is shown before its time; flushes are shared by group commit above. LMDB takes keys of up to
 * 1,978 bytes; ours have at most 1,036.
 */
export function openLmdbEngine(folder: string): StorageEngine {
  const database: Database<Buffer, Buffer> = open<Buffer, Buffer>({
    path: folder,
    keyEncoding: 'binary',
    encoding: 'binary',
    overlappingSync: false,
    noMemInit: true,
  });
  return {
    get: (key) => database.get(bufferOf(key)),
    *range(start, end): Generator<EngineEntry> {
      const range = start.length === 0 ? { end: bufferOf(end) } : { start: bufferOf(start), end: bufferOf(end) };
      for (const { key, value } of database.getRange(range)) yield { key, value };
    },
    async commit(writes: readonly EngineWrite[]) {
      await database.batch(() => {
        for (const { key, value } of writes) {
          if (value === undefined) void database.remove(bufferOf(key));
          else void database.put(bufferOf(key), bufferOf(value));
        }
      });
    },
    close: () => database.close(),
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
