import { DeadlineExceeded, type Deadline } from '../kernel/deadline.ts';

/** At most `width` calls hold the lock at a time, one unless the sandbox policy says otherwise. The others wait in order of arrival. */
export class CallLock {
  readonly #width: number;
  readonly #waiting: (() => void)[] = [];
  #held = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** The lock, released by disposing it; null where the deadline came first. */
  async acquire(deadline: Deadline): Promise<Disposable | null> {
    if (this.#held < this.#width) return this.#grant();
    const { promise, resolve } = Promise.withResolvers<Disposable>();
    const proceed = (): void => {
      resolve(this.#grant());
    };
    this.#waiting.push(proceed);
    try {
      return await deadline.race(promise);
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
      this.#leave(proceed, promise);
      return null;
    }
  }

  /** Stops waiting. A lock that was granted at the same moment is released. */
  #leave(proceed: () => void, granted: Promise<Disposable>): void {
    const place = this.#waiting.indexOf(proceed);
    if (place >= 0) this.#waiting.splice(place, 1);
    else void granted.then((lock) => lock[Symbol.dispose]());
  }

  #grant(): Disposable {
    this.#held += 1;
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        this.#held -= 1;
        this.#waiting.shift()?.();
      },
    };
  }
}
