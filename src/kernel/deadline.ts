import type { Clock } from './clock.ts';

/**
 * What a deadline limits. The first six belong to a tool call. `engine_request` limits our own requests to the engine,
 * `replay` the replay of a rollout, `grading` one grading.
 */
export type ClockName =
  | 'queue_wait'
  | 'sandbox_start'
  | 'turn_wait'
  | 'command'
  | 'sandboxd_silence'
  | 'rollout_life'
  | 'engine_request'
  | 'replay'
  | 'grading';

/** Thrown by `Deadline.race` when the deadline passes first. `clockName` says which deadline it was. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  readonly clockName: ClockName;

  constructor(clockName: ClockName, ms: number) {
    super(`${clockName} exceeded ${String(Math.round(ms))} ms`);
    this.clockName = clockName;
  }
}

/** A point in monotonic time by which an operation must have ended. */
export class Deadline {
  readonly clockName: ClockName;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #endsAt: number;

  private constructor(clock: Clock, clockName: ClockName, startedAt: number, endsAt: number) {
    this.#clock = clock;
    this.clockName = clockName;
    this.#startedAt = startedAt;
    this.#endsAt = endsAt;
  }

  static after(clock: Clock, clockName: ClockName, ms: number): Deadline {
    const now = clock.monotonic();
    return new Deadline(clock, clockName, now, now + ms);
  }

  /** A deadline with another name that ends after `ms`, or at this one's end where that is earlier. */
  within(clockName: ClockName, ms: number): Deadline {
    const now = this.#clock.monotonic();
    return new Deadline(this.#clock, clockName, now, Math.min(now + ms, this.#endsAt));
  }

  get remainingMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.monotonic());
  }

  get expired(): boolean {
    return this.remainingMs === 0;
  }

  /**
   * The promise's result. The promise is not cancelled when the deadline passes; its later rejection is ignored,
   * because the caller has already received an error.
   *
   * @throws DeadlineExceeded when the deadline passes first.
   */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#clock.alarm(this.remainingMs, () => {
        reject(new DeadlineExceeded(this.clockName, this.#endsAt - this.#startedAt));
      });
      promise.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}
