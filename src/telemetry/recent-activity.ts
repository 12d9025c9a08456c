import type { Clock } from '../kernel/clock.ts';
import { ATTRIBUTIONS, noneByAttribution, type Attribution, type CauseCode } from '../outcome/causes.ts';

const TICK_MS = 1_000;
/** Half an hour of ticks. */
const TICKS_KEPT = 1_800;
const CALLS_KEPT = 100;

/** Values read at each tick. */
export interface Gauges {
  readonly waiting: number;
  readonly starting: number;
  readonly live: number;
  readonly warm: number;
}

/** One second: the gauges at its end, and the number of calls that finished in it, by attribution. */
export interface Sample extends Gauges, Readonly<Record<Attribution, number>> {
  /** Wall-clock milliseconds since 1970. */
  readonly at: number;
}

export interface FinishedCall {
  readonly at: number;
  readonly rollout: string;
  readonly call: string;
  readonly tool: string;
  readonly attribution: Attribution;
  readonly cause: CauseCode;
  readonly status: number;
  readonly durationMs: number;
}

/** Samples of the last half hour, one per second, and the last calls; in memory, for charts. The journal has the rest. */
export class RecentActivity {
  readonly #clock: Clock;
  readonly #gauges: () => Gauges;
  readonly #samples: Sample[] = [];
  readonly #calls: FinishedCall[] = [];
  readonly #listeners = new Set<(sample: Sample) => void>();
  #counts = noneByAttribution();
  #finished = 0;
  #cancel: () => void = () => undefined;

  constructor(parts: { readonly clock: Clock; readonly gauges: () => Gauges }) {
    this.#clock = parts.clock;
    this.#gauges = parts.gauges;
  }

  /** Oldest first. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** The last finished calls, oldest first. */
  get calls(): readonly FinishedCall[] {
    return this.#calls;
  }

  /** Calls finished since the start of this process. */
  get finished(): number {
    return this.#finished;
  }

  open(): void {
    this.#cancel = this.#clock.alarm(TICK_MS, () => {
      this.#tick();
      this.open();
    });
  }

  close(): void {
    this.#cancel();
  }

  callFinished(call: Omit<FinishedCall, 'at'>): void {
    this.#counts[call.attribution] += 1;
    this.#finished += 1;
    this.#calls.push({ at: this.#clock.now(), ...call });
    if (this.#calls.length > CALLS_KEPT) this.#calls.shift();
  }

  /** Calls the listener with every further sample, until the returned function is called. */
  follow(listener: (sample: Sample) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Finished calls of the last `seconds` seconds, by attribution. */
  callsWithin(seconds: number): Readonly<Record<Attribution, number>> {
    const total = { ...this.#counts };
    for (const sample of this.#samples.slice(-seconds))
      for (const attribution of ATTRIBUTIONS) total[attribution] += sample[attribution];
    return total;
  }

  #tick(): void {
    const sample = { at: this.#clock.now(), ...this.#gauges(), ...this.#counts };
    this.#counts = noneByAttribution();
    this.#samples.push(sample);
    if (this.#samples.length > TICKS_KEPT) this.#samples.shift();
    for (const listener of this.#listeners) listener(sample);
  }
}
