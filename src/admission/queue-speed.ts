/** Weight of the latest value in the running means. */
const WEIGHT = 0.1;
/** Until the first start has been seen: a cold start on a small machine under load. */
const ASSUMED_START_MS = 400;
/** A gap between two ends of rollouts that says nothing about a queue. */
const LONGEST_GAP_MS = 60_000;

/** How fast the queue moves, from what starts took lately and, where the host is full, from how often one ends. */
export class QueueSpeed {
  #startMs = ASSUMED_START_MS;
  /** Null until two have ended: nothing is known then, and nobody is sent away for it. */
  #gapMs: number | null = null;
  #lastGoneAt: number | null = null;

  started(latencyMs: number): void {
    this.#startMs += WEIGHT * (latencyMs - this.#startMs);
  }

  gone(now: number): void {
    if (this.#lastGoneAt !== null) {
      const gap = Math.min(now - this.#lastGoneAt, LONGEST_GAP_MS);
      this.#gapMs = this.#gapMs === null ? gap : this.#gapMs + WEIGHT * (gap - this.#gapMs);
    }
    this.#lastGoneAt = now;
  }

  /** What one start takes at present. */
  get startMs(): number {
    return this.#startMs;
  }

  /** Until the start of a place with `before` others before it begins (Little's law: `width` starts end per start's time). */
  waitMs(before: number, state: { width: number; full: boolean }): number {
    const byStarts = (this.#startMs * before) / state.width;
    return state.full ? Math.max(byStarts, (this.#gapMs ?? 0) * (before + 1)) : byStarts;
  }
}
