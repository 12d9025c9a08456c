/** Weight of the latest value in the moving averages. */
const WEIGHT = 0.1;
/** Assumed until the first start has ended: a cold start on a small machine under load. */
const ASSUMED_START_MS = 400;
/** A longer time between two removals is counted as this: the host was idle then. */
const MAX_GAP_MS = 60_000;

/** Estimates queue waits from the duration of recent starts and, when the host is full, from the time between removals. */
export class QueueSpeed {
  #startMs = ASSUMED_START_MS;
  /** Mean time between two removals. Null until two sandboxes have been removed; it then adds nothing to the estimate. */
  #gapMs: number | null = null;
  #lastGoneAt: number | null = null;

  started(latencyMs: number): void {
    this.#startMs += WEIGHT * (latencyMs - this.#startMs);
  }

  gone(now: number): void {
    if (this.#lastGoneAt !== null) {
      const gap = Math.min(now - this.#lastGoneAt, MAX_GAP_MS);
      this.#gapMs = this.#gapMs === null ? gap : this.#gapMs + WEIGHT * (gap - this.#gapMs);
    }
    this.#lastGoneAt = now;
  }

  /** Moving average of the duration of a start. */
  get startMs(): number {
    return this.#startMs;
  }

  /** Wait of a place with `before` places before it (Little's law: `limit` starts end in the duration of one start). */
  waitMs(before: number, state: { limit: number; full: boolean }): number {
    const byStarts = (this.#startMs * before) / state.limit;
    return state.full ? Math.max(byStarts, (this.#gapMs ?? 0) * (before + 1)) : byStarts;
  }
}
