import { pause, type Clock } from '../../kernel/clock.ts';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 60_000;
const REQUEST_MS = 30_000;
const STOP_MS = 3_000;

/**
 * Removes containers in the background: of starts that failed or exceeded their deadline, and of removals that hang.
 * Retries until it is disposed. A container left then carries the controller's label, and the next process of this
 * controller finds it.
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

  /** Number of abandoned containers that are not known to be gone yet. */
  get waiting(): number {
    return this.#work.size;
  }

  /**
   * @param container Its name, which this controller chose before the container existed.
   * @param requests Requests to the engine about it. Until they are over, a container that is gone may be created again.
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
      // Lets the callback above set `over` where all requests are over already.
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

  /** One more attempt for each container, then stops. Waits at most `STOP_MS` for a removal that hangs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    const over = new AbortController();
    const work = Promise.all(this.#work.values()).finally(() => {
      over.abort();
    });
    await Promise.race([work, pause(this.#clock, STOP_MS, over.signal)]);
  }
}
