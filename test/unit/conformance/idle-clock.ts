import type { Clock } from '../../../src/kernel/clock.ts';

interface Alarm {
  readonly at: number;
  readonly wake: () => void;
}

/** Turns of the event loop in which everything in memory that can go on has gone on. */
const IDLE_TURNS = 4;

/**
 * A clock that moves to its next alarm whenever nothing else is left to do. Waiting takes no time, and a machine under
 * load changes nothing. Only for what happens in memory: it does not know of sockets and processes.
 */
export class IdleClock implements Clock {
  #ms = 0;
  #moving = false;
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
    if (!this.#moving) void this.#move();
    return () => this.#alarms.delete(alarm);
  }

  async #move(): Promise<void> {
    this.#moving = true;
    while (this.#alarms.size > 0) {
      for (let turn = 0; turn < IDLE_TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const [next] = [...this.#alarms].toSorted((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#alarms.delete(next);
      this.#ms = next.at;
      next.wake();
    }
    this.#moving = false;
  }
}
