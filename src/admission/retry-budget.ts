import type { Clock } from '../kernel/clock.ts';

/** Retries that may follow each other at once, and how many per second come after them. */
const BURST = 100;
const PER_SECOND = 20;

/**
 * Retries of the whole server: a token bucket in which nobody is refused. A retry that finds no token is told when
 * its own will be there. So a fault that hits everybody at once is met by a steady trickle and not by a storm.
 */
export class RetryBudget {
  readonly #clock: Clock;
  #tokens = BURST;
  #countedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedAt = clock.monotonic();
  }

  /** Takes a token; returns the milliseconds to wait before the retry may begin. */
  spend(): number {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#countedAt) / 1000) * PER_SECOND);
    this.#countedAt = now;
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / PER_SECOND) * 1000;
  }
}
