/** Starts that may wait inside the engine rather than be worked on: below, there is room for one more; above, one too many. */
const LEAST_QUEUED = 2;
const MOST_QUEUED = 4;
/**
 * How many starts to have in flight, found from what starts take.
 *
 * The rule of TCP Vegas: of `width` starts in flight, `width × (1 − quickest / latency)` are waiting inside the
 * engine. Once per round of `width` starts: fewer than 2 such, one more in flight; more than 4, so many less. A fault
 * of the engine halves the width, once per round. README: why not plain AIMD, and why the quickest start is never
 * forgotten but after an outage.
 */
export class ConcurrencyLimit {
  readonly #max: number;
  #width: number;
  #quickest = Infinity;
  #round: number[] = [];
  #roundWasFull = false;
  #sinceHalved = Infinity;

  constructor(options: { initial: number; max: number }) {
    this.#max = options.max;
    this.#width = Math.min(options.initial, options.max);
  }

  get width(): number {
    return this.#width;
  }

  /** A start succeeded. `full`: it ran beside as many others as allowed, so that its latency says something about the width. */
  succeeded(latencyMs: number, full: boolean): void {
    this.#quickest = Math.min(this.#quickest, latencyMs);
    this.#sinceHalved += 1;
    this.#round.push(latencyMs);
    this.#roundWasFull ||= full;
    if (this.#round.length < this.#width) return;
    const mean = this.#round.reduce((sum, ms) => sum + ms, 0) / this.#round.length;
    this.#adjust(this.#width * (1 - this.#quickest / mean));
    this.#round = [];
    this.#roundWasFull = false;
  }

  /** A start failed, or ran out of time, by the engine's doing. */
  failed(): void {
    if (this.#sinceHalved < this.#width) return;
    this.#width = Math.max(1, Math.floor(this.#width / 2));
    this.#sinceHalved = 0;
    this.#round = [];
  }

  /** After an outage: begin with one start at a time and grow again. */
  restart(): void {
    this.#width = 1;
    this.#quickest = Infinity;
    this.#sinceHalved = 0;
    this.#round = [];
  }

  #adjust(queued: number): void {
    if (queued < LEAST_QUEUED && this.#roundWasFull) this.#width = Math.min(this.#max, this.#width + 1);
    if (queued > MOST_QUEUED) this.#width -= Math.ceil(Math.min(queued - MOST_QUEUED, this.#width / 2));
  }
}
