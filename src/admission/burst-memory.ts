/** Silence that separates one burst from the next, and the longest that one is followed. */
const GAP_MS = 2_000;
const SPAN_MS = 30_000;
/** Fewer arrivals are no burst. */
const LEAST_SIZE = 4;
const REMEMBERED = 5;
/** A class without a burst for so long, or for three periods, is forgotten. */
const FORGET_MS = 30 * 60_000;
const PERIODS_TO_FORGET = 3;
/** Intervals that differ by more than this share of their median are no rhythm. */
const RHYTHM_TOLERANCE = 0.5;
/** The pool is to be full this long before the burst is due, and after three times what filling takes. */
const EARLY_MS = 10_000;
const FILL_MARGIN = 3;

interface Burst {
  readonly at: number;
  size: number;
  lastAt: number;
}

/**
 * Remembers the bursts of one pool class: a training job sends one at every step, of nearly the same size. Times are
 * monotonic milliseconds.
 */
export class BurstMemory {
  readonly #bursts: Burst[] = [];
  #current: Burst | null = null;

  /** A rollout asked for a sandbox, and got it from wherever. */
  arrived(now: number): void {
    this.#closeCurrent(now);
    this.#current ??= { at: now, size: 0, lastAt: now };
    this.#current.size += 1;
    this.#current.lastAt = now;
  }

  /** The size to be ready for: the largest of the last bursts. 0 where none is remembered. */
  size(now: number): number {
    this.#closeCurrent(now);
    const last = this.#bursts.at(-1);
    if (last === undefined || now - last.lastAt > this.#forgetMs()) return 0;
    return Math.max(...this.#bursts.map((burst) => burst.size));
  }

  /**
   * Whether filling should be under way: at once while the rhythm is not known, otherwise in time before the next
   * burst, so that it takes no CPU from the rollouts of this one. Never while a burst is arriving.
   */
  isFillingTime(now: number, fillMs: number): boolean {
    this.#closeCurrent(now);
    if (this.#current !== null && this.#current.size >= LEAST_SIZE) return false;
    const last = this.#bursts.at(-1);
    const period = this.periodMs;
    if (last === undefined || period === null) return true;
    return now >= last.at + period - fillMs * FILL_MARGIN - EARLY_MS;
  }

  /** Median time from burst to burst, or null while there is no rhythm. */
  get periodMs(): number | null {
    const gaps = this.#bursts.slice(1).map((burst, index) => burst.at - (this.#bursts[index]?.at ?? 0));
    if (gaps.length < 2) return null;
    const median = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
    return gaps.every((gap) => Math.abs(gap - median) <= median * RHYTHM_TOLERANCE) ? median : null;
  }

  #forgetMs(): number {
    return Math.max(FORGET_MS, (this.periodMs ?? 0) * PERIODS_TO_FORGET);
  }

  #closeCurrent(now: number): void {
    const current = this.#current;
    if (current === null || (now - current.lastAt < GAP_MS && now - current.at < SPAN_MS)) return;
    this.#current = null;
    if (current.size < LEAST_SIZE) return;
    this.#bursts.push(current);
    if (this.#bursts.length > REMEMBERED) this.#bursts.shift();
  }
}
