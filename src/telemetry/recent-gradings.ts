import type { Clock } from '../kernel/clock.ts';

const MINUTE_MS = 60_000;
const MINUTES_KEPT = 30;

/** What was known of a rollout when it was graded. The verdicts, and `calls_never_arrived` apart from other exclusions. */
export const GRADING_STATES = [
  'valid', 'exclude', 'pending', 'no_tool_call', 'unknown', 'calls_never_arrived',
] as const; // prettier-ignore
export type GradingState = (typeof GRADING_STATES)[number];

export type Gradings = Readonly<Record<GradingState, number>>;

const none = (): Record<GradingState, number> =>
  Object.fromEntries(GRADING_STATES.map((state) => [state, 0])) as Record<GradingState, number>;

/** Requests to grade of the last half hour, by minute. In memory; the journal has them all. */
export class RecentGradings {
  readonly #clock: Clock;
  readonly #minutes = new Map<number, Record<GradingState, number>>();

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  graded(state: GradingState): void {
    const minute = this.#minute();
    const counts = this.#minutes.get(minute) ?? none();
    counts[state] += 1;
    this.#minutes.set(minute, counts);
    for (const old of this.#minutes.keys()) if (old <= minute - MINUTES_KEPT) this.#minutes.delete(old);
  }

  /** Of the last half hour. */
  recent(): Gradings {
    const total = none();
    const first = this.#minute() - MINUTES_KEPT;
    for (const [minute, counts] of this.#minutes)
      if (minute > first) for (const state of GRADING_STATES) total[state] += counts[state];
    return total;
  }

  #minute(): number {
    return Math.floor(this.#clock.now() / MINUTE_MS);
  }
}
