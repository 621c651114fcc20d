import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { Random } from '../ports/random.js';

export interface LoopOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Runs a task now and then until stopped: one run at a time, with a tenth of jitter so that many processes don't beat
 * together. A failing run is logged once until one succeeds again, and never ends the loop.
 */
export class BackgroundLoop {
  readonly #options: LoopOptions;
  readonly #task: (signal: AbortSignal) => Promise<void>;
  readonly #stop = new AbortController();
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #failing = false;
  #hinted = false;

  constructor(options: LoopOptions, task: (signal: AbortSignal) => Promise<void>) {
    this.#options = options;
    this.#task = task;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Runs the task as soon as the present run, if any, is over. */
  hint(): void {
    this.#hinted = true;
    this.#wake?.();
  }

  /** Resolves when the present run is over; no other begins. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#hinted = false;
      await this.#runOnce();
      if (this.#stop.signal.aborted) return;
      if (!this.#hinted) await this.#nap();
    }
  }

  #nap(): Promise<void> {
    const { clock, random, everyMs } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.after(everyMs * (0.95 + random.fraction() / 10), resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async #runOnce(): Promise<void> {
    const { name, log } = this.#options;
    try {
      await this.#task(this.#stop.signal);
      if (this.#failing) log.info({ loop: name }, `${name} works again`);
      this.#failing = false;
    } catch (err) {
      if (!this.#failing && !this.#stop.signal.aborted)
        log.warn({ loop: name, err }, `${name} fails; it is tried again`);
      this.#failing = true;
    }
  }
}
