import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';

/** A burst is over when no rollout waits for a start and there was no first answer for this long. */
const QUIET_MS = 2_000;
/** Fewer rollouts do not count as a burst. */
const MIN_SIZE = 4;

/** Counters read at the end of a burst. `warmTaken` and `coldTaken` count from the start of this process. */
export interface BurstTotals {
  readonly waiting: number;
  readonly starting: number;
  readonly warmTaken: number;
  readonly coldTaken: number;
}

/** A burst of rollouts that have received their first answer, in progress or over. */
export interface ServedBurst {
  /** Time of the burst's first answer; wall clock, milliseconds since 1970. */
  readonly beganAt: number;
  readonly rollouts: number;
  /** Sandboxes from the warm pool. */
  readonly warm: number;
  /** Sandboxes that were started. */
  readonly cold: number;
  /** First answers with status 503. */
  readonly failed: number;
  /** Percentiles of the time from the arrival of a rollout's first call to its answer. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Past bursts kept for the status route. */
const REMEMBERED = 20;

/** Logs one line when a burst is over, and keeps the last bursts for the status route. */
export class BurstLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #totals: () => BurstTotals;
  #before: BurstTotals;
  #times: number[] = [];
  #failed = 0;
  #beganAt = 0;
  readonly #recent: ServedBurst[] = [];
  #cancel: () => void = () => undefined;

  constructor(parts: { clock: Clock; log: Log; totals: () => BurstTotals }) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#totals = parts.totals;
    this.#before = parts.totals();
  }

  /** Oldest first, without the burst in progress. */
  get recent(): readonly ServedBurst[] {
    return this.#recent;
  }

  /** The burst in progress, or null. */
  get current(): ServedBurst | null {
    return this.#times.length >= MIN_SIZE ? this.#burst(this.#totals()) : null;
  }

  /** The first call of a rollout has been answered after `afterMs`; `served` is false for a 503. */
  firstAnswer(afterMs: number, served: boolean): void {
    if (this.#times.length === 0) this.#beganAt = this.#clock.now();
    this.#times.push(afterMs);
    if (!served) this.#failed += 1;
    this.#restartQuietTimer();
  }

  /** Logs no further burst. */
  close(): void {
    this.#cancel();
  }

  #restartQuietTimer(): void {
    this.#cancel();
    this.#cancel = this.#clock.alarm(QUIET_MS, () => this.#endIfQuiet());
  }

  #endIfQuiet(): void {
    const totals = this.#totals();
    if (totals.waiting + totals.starting > 0) {
      this.#restartQuietTimer();
      return;
    }
    if (this.#times.length >= MIN_SIZE) this.#record(totals);
    this.#before = totals;
    this.#times = [];
    this.#failed = 0;
  }

  #record(totals: BurstTotals): void {
    const burst = this.#burst(totals);
    this.#recent.push(burst);
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    const { beganAt: _, ...fields } = burst;
    this.#log.info(fields, 'burst');
  }

  #burst(totals: BurstTotals): ServedBurst {
    const sorted = this.#times.toSorted((a, b) => a - b);
    const at = (share: number): number => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
    const warm = totals.warmTaken - this.#before.warmTaken;
    const cold = totals.coldTaken - this.#before.coldTaken;
    return {
      beganAt: this.#beganAt,
      rollouts: sorted.length,
      warm,
      cold,
      failed: this.#failed,
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      p99Ms: at(0.99),
    };
  }
}
