/** Time without an arrival that ends a burst, and the longest duration of one burst. */
const GAP_MS = 2_000;
const MAX_DURATION_MS = 30_000;
/** Fewer arrivals do not count as a burst. */
const MIN_SIZE = 4;
const REMEMBERED = 5;
/** The bursts of a pool class are forgotten after this time without one, or after this many periods where that is longer. */
const FORGET_MS = 30 * 60_000;
const PERIODS_TO_FORGET = 3;
/** Bursts are periodic when no interval differs from the median interval by more than this share of it. */
const PERIOD_TOLERANCE = 0.5;
/** Filling begins before the expected burst by this margin plus the estimated fill time times the factor. */
const EARLY_MS = 10_000;
const FILL_MARGIN = 3;

interface ArrivalBurst {
  readonly at: number;
  size: number;
  lastAt: number;
}

/**
 * Remembers the bursts of one pool class. A training job sends one burst per step, of nearly the same size. Times are
 * monotonic milliseconds.
 */
export class BurstMemory {
  readonly #bursts: ArrivalBurst[] = [];
  #current: ArrivalBurst | null = null;

  /** A rollout has requested a sandbox, warm or cold. */
  arrived(now: number): void {
    this.#closeCurrent(now);
    this.#current ??= { at: now, size: 0, lastAt: now };
    this.#current.size += 1;
    this.#current.lastAt = now;
  }

  /** The number of sandboxes to be ready: the size of the largest remembered burst, or 0. */
  size(now: number): number {
    this.#closeCurrent(now);
    const last = this.#bursts.at(-1);
    if (last === undefined || now - last.lastAt > this.#forgetMs()) return 0;
    return Math.max(...this.#bursts.map((burst) => burst.size));
  }

  /**
   * Whether the pool should be filled now: at any time while no period is known, otherwise shortly before the next
   * burst, so that starts take no CPU from running rollouts. Never while a burst arrives.
   */
  isFillingTime(now: number, fillMs: number): boolean {
    this.#closeCurrent(now);
    if (this.#current !== null && this.#current.size >= MIN_SIZE) return false;
    const last = this.#bursts.at(-1);
    const period = this.periodMs;
    if (last === undefined || period === null) return true;
    return now >= last.at + period - fillMs * FILL_MARGIN - EARLY_MS;
  }

  /** Median time from burst to burst; null while the bursts are not periodic. */
  get periodMs(): number | null {
    const gaps = this.#bursts.slice(1).map((burst, index) => burst.at - (this.#bursts[index]?.at ?? 0));
    if (gaps.length < 2) return null;
    const median = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
    return gaps.every((gap) => Math.abs(gap - median) <= median * PERIOD_TOLERANCE) ? median : null;
  }

  #forgetMs(): number {
    return Math.max(FORGET_MS, (this.periodMs ?? 0) * PERIODS_TO_FORGET);
  }

  #closeCurrent(now: number): void {
    const current = this.#current;
    if (current === null || (now - current.lastAt < GAP_MS && now - current.at < MAX_DURATION_MS)) return;
    this.#current = null;
    if (current.size < MIN_SIZE) return;
    this.#bursts.push(current);
    if (this.#bursts.length > REMEMBERED) this.#bursts.shift();
  }
}
