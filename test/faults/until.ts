import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/** @throws Error, naming what was waited for, where the condition doesn't come true in time. */
export async function until(
  what: string,
  withinMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${String(withinMs)} ms: ${what}`);
    await sleep(POLL_MS);
  }
}
