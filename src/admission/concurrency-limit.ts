/** Starts that wait inside the engine. Fewer: the limit may grow by one. More: it shrinks by the excess. */
const MIN_QUEUED = 2;
const MAX_QUEUED = 4;

/**
 * The number of starts in flight, adapted to the latency of starts.
 *
 * The rule of TCP Vegas: of `limit` starts in flight, `limit × (1 − lowest latency / latency)` wait inside the engine.
 * After each round of `limit` starts the limit grows by one where fewer than 2 wait, and shrinks by the excess where more
 * than 4 wait. An engine fault halves it, at most once per round. README: why not plain AIMD, and why the lowest latency
 * is kept until an outage.
 */
export class ConcurrencyLimit {
  readonly #max: number;
  #limit: number;
  #lowestLatencyMs = Infinity;
  #latenciesMs: number[] = [];
  #roundWasSaturated = false;
  #startsSinceHalved = Infinity;

  constructor(options: { initial: number; max: number }) {
    this.#max = options.max;
    this.#limit = Math.min(options.initial, options.max);
  }

  get limit(): number {
    return this.#limit;
  }

  /**
   * A start has succeeded.
   *
   * @param saturated Whether it ran beside as many others as allowed. Only then does its latency justify a higher limit.
   */
  succeeded(latencyMs: number, saturated: boolean): void {
    this.#lowestLatencyMs = Math.min(this.#lowestLatencyMs, latencyMs);
    this.#startsSinceHalved += 1;
    this.#latenciesMs.push(latencyMs);
    this.#roundWasSaturated ||= saturated;
    if (this.#latenciesMs.length < this.#limit) return;
    const meanMs = this.#latenciesMs.reduce((sum, ms) => sum + ms, 0) / this.#latenciesMs.length;
    this.#adjust(this.#limit * (1 - this.#lowestLatencyMs / meanMs));
    this.#latenciesMs = [];
    this.#roundWasSaturated = false;
  }

  /** A start has failed or timed out because of the engine. */
  failed(): void {
    if (this.#startsSinceHalved < this.#limit) return;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#startsSinceHalved = 0;
    this.#latenciesMs = [];
  }

  /** After an outage: back to one start at a time, and the limit grows again. */
  restart(): void {
    this.#limit = 1;
    this.#lowestLatencyMs = Infinity;
    this.#startsSinceHalved = 0;
    this.#latenciesMs = [];
  }

  #adjust(queued: number): void {
    if (queued < MIN_QUEUED && this.#roundWasSaturated) this.#limit = Math.min(this.#max, this.#limit + 1);
    if (queued > MAX_QUEUED) this.#limit -= Math.ceil(Math.min(queued - MAX_QUEUED, this.#limit / 2));
  }
}
