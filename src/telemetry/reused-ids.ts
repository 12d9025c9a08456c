import type { Clock } from '../kernel/clock.ts';

/** How long a job counts as one whose client uses call ids again, since the last sign of it. */
const REMEMBERED_MS = 24 * 3_600_000;
/** Most jobs that are remembered; beyond it the one longest without a sign is forgotten. */
const MOST_JOBS = 1_000;

/** The jobs whose clients use call ids again. */
export class ReusedIds {
  readonly #clock: Pick<Clock, 'now'>;
  /** Time of the last sign, by job; latest last. */
  readonly #jobs = new Map<string, number>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** @returns whether this is the job's first sign, so that it is logged once. */
  note(job: string): boolean {
    this.#forgetOld();
    const first = !this.#jobs.delete(job);
    this.#jobs.set(job, this.#clock.now());
    const [oldest] = this.#jobs.keys();
    if (this.#jobs.size > MOST_JOBS && oldest !== undefined) this.#jobs.delete(oldest);
    return first;
  }

  jobs(): string[] {
    this.#forgetOld();
    return [...this.#jobs.keys()];
  }

  #forgetOld(): void {
    const horizon = this.#clock.now() - REMEMBERED_MS;
    for (const [job, at] of this.#jobs) if (at < horizon) this.#jobs.delete(job);
  }
}
