import type { Clock } from '../kernel/clock.ts';

/** How long a place is kept after the last request has gone, because the client may repeat the call. */
const KEEP_MS = 60_000;

/** Counts the requests that wait for one thing, such as a rollout. Reports when a minute has passed without any. */
export class Waiters<Key> implements Disposable {
  readonly #clock: Clock;
  readonly #onDeserted: (key: Key) => void;
  readonly #present = new Map<Key, number>();
  readonly #alarms = new Map<Key, () => void>();
  #closed = false;

  constructor(clock: Clock, onDeserted: (key: Key) => void) {
    this.#clock = clock;
    this.#onDeserted = onDeserted;
  }

  /** Counts a request. The returned function ends its waiting; calling it again has no effect. */
  addWaiter(key: Key): () => void {
    this.#alarms.get(key)?.();
    this.#alarms.delete(key);
    this.#present.set(key, (this.#present.get(key) ?? 0) + 1);
    let here = true;
    return () => {
      if (!here) return;
      here = false;
      this.#left(key);
    };
  }

  /** Stops all reports, and cancels the timers, which would keep the process alive. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const cancel of this.#alarms.values()) cancel();
    this.#alarms.clear();
  }

  #left(key: Key): void {
    const others = (this.#present.get(key) ?? 1) - 1;
    if (others > 0) {
      this.#present.set(key, others);
      return;
    }
    this.#present.delete(key);
    if (this.#closed) return;
    const cancel = this.#clock.alarm(KEEP_MS, () => {
      this.#alarms.delete(key);
      this.#onDeserted(key);
    });
    this.#alarms.set(key, cancel);
  }
}
