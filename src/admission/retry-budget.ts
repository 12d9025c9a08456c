import type { Clock } from '../kernel/clock.ts';

/** Capacity of the token bucket, and tokens added per second. */
const CAPACITY = 100;
const PER_SECOND = 20;

/**
 * The retry budget of the whole server: a token bucket that delays retries and refuses none. It limits the rate of
 * retries when one fault hits all rollouts at the same time.
 */
export class RetryBudget {
  readonly #clock: Clock;
  #tokens = CAPACITY;
  #countedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedAt = clock.monotonic();
  }

  /** Takes a token. Returns the milliseconds to wait before the retry; 0 where a token was available. */
  spend(): number {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(CAPACITY, this.#tokens + ((now - this.#countedAt) / 1000) * PER_SECOND);
    this.#countedAt = now;
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / PER_SECOND) * 1000;
  }
}
