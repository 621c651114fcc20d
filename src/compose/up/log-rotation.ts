import { copyFile, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Each log file has at most about this, and one predecessor of the same size. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const LOOK_EVERY_MS = 5000;
const LOG_FILE = /\.log$/;

/**
 * Keeps the logs of a home from filling the disk. The parts append to files that they keep open, so a file that has grown too
 * long is copied to `<name>.log.1` and emptied; lines that are written in between are lost.
 */
export class LogRotation {
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;

  constructor(folder: string, bytesMax = LOG_BYTES_MAX, everyMs = LOOK_EVERY_MS) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
    this.#timer = setInterval(() => void this.look(), everyMs).unref();
  }

  /** Never rejects: logs that can't be rotated end nothing. */
  look(): Promise<void> {
    this.#running ??= this.#rotate()
      .catch(() => {})
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #rotate(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => LOG_FILE.test(name));
    for (const path of names.map((name) => join(this.#folder, name))) {
      const { size } = await stat(path);
      if (size <= this.#bytesMax) continue;
      // Where the disk is full already there is no room for a copy: then the file is emptied all the same.
      await copyFile(path, `${path}.1`).catch(() => {});
      await truncate(path);
    }
  }
}
