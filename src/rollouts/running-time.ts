import type { Clock } from '../kernel/clock.ts';

/** How long something was going on, all its times together. Times that overlap count for each. */
export class RunningTime {
  #pastMs = 0;
  readonly #since = new Set<{ readonly ms: number }>();

  /** It goes on from now until the returned object is disposed. Then `counted` counts where it is given, else all of it. */
  begin(clock: Clock, counted?: { readonly ms: number }): Disposable {
    const start = { ms: clock.monotonic() };
    this.#since.add(start);
    return {
      [Symbol.dispose]: () => {
        if (this.#since.delete(start)) this.#pastMs += counted?.ms ?? clock.monotonic() - start.ms;
      },
    };
  }

  /** A time that is over. */
  add(ms: number): void {
    this.#pastMs += Math.max(0, ms);
  }

  /** Including what is going on now. */
  totalMs(clock: Clock): number {
    const now = clock.monotonic();
    return [...this.#since].reduce((total, { ms }) => total + now - ms, this.#pastMs);
  }
}
