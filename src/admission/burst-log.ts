import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';

/** A burst is over when nobody waits for a start and no first answer came for so long. */
const QUIET_MS = 2_000;
/** Fewer rollouts are no burst. */
const LEAST_SIZE = 4;

/** What is read when a burst is over. Totals since the start of this process. */
export interface BurstTotals {
  readonly waiting: number;
  readonly starting: number;
  readonly warmTaken: number;
  readonly coldTaken: number;
}

/** One line in the log for each burst: how many came, from where they were served, and when they had their first answer. */
export class BurstLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #totals: () => BurstTotals;
  #before: BurstTotals;
  #times: number[] = [];
  #failed = 0;
  #cancel: () => void = () => undefined;

  constructor(parts: { clock: Clock; log: Log; totals: () => BurstTotals }) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#totals = parts.totals;
    this.#before = parts.totals();
  }

  /** A rollout's first call has ended after so long, served or not. */
  firstAnswer(afterMs: number, served: boolean): void {
    this.#times.push(afterMs);
    if (!served) this.#failed += 1;
    this.#rest();
  }

  /** No further line. */
  close(): void {
    this.#cancel();
  }

  #rest(): void {
    this.#cancel();
    this.#cancel = this.#clock.alarm(QUIET_MS, () => this.#look());
  }

  #look(): void {
    const totals = this.#totals();
    if (totals.waiting + totals.starting > 0) {
      this.#rest();
      return;
    }
    if (this.#times.length >= LEAST_SIZE) this.#write(totals);
    this.#before = totals;
    this.#times = [];
    this.#failed = 0;
  }

  #write(totals: BurstTotals): void {
    const sorted = this.#times.toSorted((a, b) => a - b);
    const at = (share: number): number => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
    const warm = totals.warmTaken - this.#before.warmTaken;
    const cold = totals.coldTaken - this.#before.coldTaken;
    const times = { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
    this.#log.info({ rollouts: sorted.length, warm, cold, failed: this.#failed, ...times }, 'burst');
  }
}
