import { DeadlineExceeded, type Deadline } from '../kernel/deadline.ts';

/** Places in a line: at most `width` calls hold a turn, the others wait in order of arrival. */
export class CallLock {
  readonly #width: number;
  readonly #waiting: (() => void)[] = [];
  #held = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** A turn that must be given back by disposing it, or null where the deadline came first. */
  async take(deadline: Deadline): Promise<Disposable | null> {
    if (this.#held < this.#width) return this.#grant();
    const { promise, resolve } = Promise.withResolvers<Disposable>();
    const enter = (): void => {
      resolve(this.#grant());
    };
    this.#waiting.push(enter);
    try {
      return await deadline.race(promise);
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
      this.#leave(enter, promise);
      return null;
    }
  }

  /** Steps out of the line; a turn granted at the same moment is given on. */
  #leave(enter: () => void, granted: Promise<Disposable>): void {
    const place = this.#waiting.indexOf(enter);
    if (place >= 0) this.#waiting.splice(place, 1);
    else void granted.then((turn) => turn[Symbol.dispose]());
  }

  #grant(): Disposable {
    this.#held += 1;
    let given = false;
    return {
      [Symbol.dispose]: () => {
        if (given) return;
        given = true;
        this.#held -= 1;
        this.#waiting.shift()?.();
      },
    };
  }
}
