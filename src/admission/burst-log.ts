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

/** How a burst went, or goes: rollouts that had their first answer, where their sandboxes came from, and when. */
export interface Burst {
  /** Of the first answer; wall-clock milliseconds since 1970. */
  readonly beganAt: number;
  readonly rollouts: number;
  readonly warm: number;
  readonly cold: number;
  /** First answers that were a 503. */
  readonly failed: number;
  /** From the arrival of a rollout's first call to its answer. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Bursts that are remembered for whoever looks. */
const REMEMBERED = 20;

/** Follows bursts: one line in the log when each is over, and the last of them for people to see. */
export class BurstLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #totals: () => BurstTotals;
  #before: BurstTotals;
  #times: number[] = [];
  #failed = 0;
  #beganAt = 0;
  readonly #recent: Burst[] = [];
  #cancel: () => void = () => undefined;

  constructor(parts: { clock: Clock; log: Log; totals: () => BurstTotals }) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#totals = parts.totals;
    this.#before = parts.totals();
  }

  /** Oldest first; without the one under way. */
  get recent(): readonly Burst[] {
    return this.#recent;
  }

  /** The burst under way, or null. */
  get current(): Burst | null {
    return this.#times.length >= LEAST_SIZE ? this.#burst(this.#totals()) : null;
  }

  /** A rollout's first call has ended after so long, served or not. */
  firstAnswer(afterMs: number, served: boolean): void {
    if (this.#times.length === 0) this.#beganAt = this.#clock.now();
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
    const burst = this.#burst(totals);
    this.#recent.push(burst);
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    const { beganAt: _, ...fields } = burst;
    this.#log.info(fields, 'burst');
  }

  #burst(totals: BurstTotals): Burst {
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
