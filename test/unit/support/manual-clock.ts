import type { Clock } from '../../../src/kernel/clock.ts';

interface Alarm {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that moves only when it is told to. Alarms fire in the order of their times. */
export class ManualClock implements Clock {
  #ms = 0;
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return 1_700_000_000_000 + this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  alarm(ms: number, wake: () => void): () => void {
    const alarm = { at: this.#ms + Math.max(ms, 0), wake };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Moves on alarm by alarm. All that can run does so before each alarm and at the end. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#alarms.delete(next);
      this.#ms = next.at;
      next.wake();
      await settle();
    }
    this.#ms = end;
    await settle();
  }

  #next(end: number): Alarm | undefined {
    return [...this.#alarms].filter((alarm) => alarm.at <= end).toSorted((a, b) => a.at - b.at)[0];
  }
}

/** Waits until promises and in-memory streams have nothing left to do. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 10; round += 1) await new Promise((resolve) => setImmediate(resolve));
}
