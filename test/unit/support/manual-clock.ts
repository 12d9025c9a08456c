import type { Clock } from '../../../src/kernel/clock.ts';

interface Alarm {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that moves only when told to. Alarms fire in the order of their times. */
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

  /** Moves on, and lets what woke up run before the next alarm fires. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
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

/** Lets every promise that can go on go on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
