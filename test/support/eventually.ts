import { setTimeout as delay } from 'node:timers/promises';

/** Waits until the condition holds, for at most `withinMs`; a condition that throws does not hold yet. */
export async function eventually(condition: () => unknown, withinMs = 10_000): Promise<void> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    let failure: unknown = 'the condition never held';
    try {
      if (await condition()) return;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${String(failure)}`);
    await delay(10);
  }
}
