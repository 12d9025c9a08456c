import type { Clock } from '../../../src/kernel/clock.ts';

/** Time that stands still until it is moved; due alarms ring in order. */
export class ManualClock implements Clock {
  #nowMs = 1_000;
  readonly #alarms = new Set<{ at: number; wake: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  alarm(ms: number, wake: () => void): () => void {
    const alarm = { at: this.#nowMs + Math.max(ms, 0), wake };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Lets everything that is ready run, then moves on, alarm by alarm. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (;;) {
      await settle();
      const due = [...this.#alarms].filter((alarm) => alarm.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, due.at);
      this.#alarms.delete(due);
      due.wake();
    }
    this.#nowMs = end;
    await settle();
  }
}

/** Until promises and in-memory streams have nothing left to do. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
