import { pause, type Clock } from '../../kernel/clock.ts';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 60_000;
const REQUEST_MS = 30_000;
const STOP_MS = 3_000;

/**
 * Removes containers that nobody may wait for any more: a start that failed or ran out of time, a removal that
 * hangs. Works off every caller's path and never gives up before `stop`; whatever is left then carries the
 * controller's label and is found by its next life.
 */
export class Sweeper implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #remove: (container: string) => Promise<void>;
  readonly #stopped = new AbortController();
  readonly #work = new Map<string, Promise<void>>();

  /** @param remove Idempotent; resolves when the container is known to be gone. */
  constructor(clock: Clock, log: Log, remove: (container: string) => Promise<void>) {
    this.#clock = clock;
    this.#log = log;
    this.#remove = remove;
  }

  /** Containers given up and not yet known to be gone. */
  get waiting(): number {
    return this.#work.size;
  }

  /**
   * @param container Its name, chosen by us before it was made.
   * @param requests What was asked of the engine for it; only after these are over does "gone" mean gone for good.
   */
  abandon(container: string, requests: readonly Promise<unknown>[]): void {
    if (this.#work.has(container)) return;
    const work = this.#sweep(container, Promise.allSettled(requests)).finally(() =>
      this.#work.delete(container),
    );
    this.#work.set(container, work);
  }

  async #sweep(container: string, requests: Promise<unknown>): Promise<void> {
    const state = { over: false };
    void requests.then(() => (state.over = true));
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)) {
      // Lets `over` be set where nothing is under way any more.
      await pause(this.#clock, 0);
      const last = state.over;
      const gone = await this.#tryOnce(container);
      if ((gone && last) || this.#stopped.signal.aborted) return;
      await pause(this.#clock, pauseMs, this.#stopped.signal);
    }
  }

  async #tryOnce(container: string): Promise<boolean> {
    try {
      await Deadline.after(this.#clock, 'engine_request', REQUEST_MS).race(this.#remove(container));
      return true;
    } catch (error) {
      this.#log.warn({ container, error: errorMessage(error) }, 'abandoned container not removed yet');
      return false;
    }
  }

  /** One more try for each, then stops. A removal that hangs holds nobody up for longer than `STOP_MS`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    const over = new AbortController();
    const work = Promise.all(this.#work.values()).finally(() => {
      over.abort();
    });
    await Promise.race([work, pause(this.#clock, STOP_MS, over.signal)]);
  }
}
