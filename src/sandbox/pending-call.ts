import type { Clock } from '../kernel/clock.ts';
import {
  longestMs,
  type CallLimits,
  type CallNumber,
  type Command,
  type Ending,
  type StartFailure,
  type Work,
} from '../protocol/messages.ts';
import { SandboxFault, type Executed } from './sandbox.ts';

type Start = Extract<Command, { type: 'start' }>;

/**
 * One call without an ending yet, and what is known of it.
 *
 *     unsent --frame given to a stream--> sent --`started`--> started
 *     sent --the agent says that it never saw the number--> unsent
 *
 * `executed` follows: `no`, `unknown`, `yes`. A frame once given to a stream may arrive, so `sent` is never `no`.
 */
export class PendingCall {
  readonly start: Start;
  readonly #settled = Promise.withResolvers<Ending | StartFailure>();
  readonly #clock: Clock;
  #progress: 'unsent' | 'sent' | 'started' = 'unsent';
  #cancelAlarm: () => void = () => undefined;
  #silentAt = Infinity;
  /** Silence was noticed once and the agent asked again. */
  suspected = false;
  /** The owner wants it ended; said again after every re-attachment. */
  cancelWanted = false;

  constructor(clock: Clock, call: CallNumber, work: Work, limits: CallLimits) {
    this.#clock = clock;
    this.start = { type: 'start', call, work, limits };
  }

  get ending(): Promise<Ending | StartFailure> {
    return this.#settled.promise;
  }

  get executed(): Executed {
    return ({ unsent: 'no', sent: 'unknown', started: 'yes' } as const)[this.#progress];
  }

  neverSeen(): void {
    this.#progress = 'unsent';
  }

  sent(): void {
    if (this.#progress === 'unsent') this.#progress = 'sent';
  }

  started(): void {
    this.#progress = 'started';
  }

  /** Calls `silent` unless a word comes within what the command may take at most and the margin. */
  watch(marginMs: number, silent: () => void): void {
    const now = this.#clock.monotonic();
    const whole = this.#progress === 'unsent' || this.#silentAt === Infinity;
    const leftMs = whole ? longestMs(this.start.limits) : Math.max(0, this.#silentAt - marginMs - now);
    this.unwatch();
    this.#silentAt = now + leftMs + marginMs;
    this.#cancelAlarm = this.#clock.alarm(leftMs + marginMs, silent);
  }

  /** While nobody is attached the agent can't be silent. */
  unwatch(): void {
    this.#cancelAlarm();
  }

  settle(ending: Ending | StartFailure): void {
    this.unwatch();
    this.#settled.resolve(ending);
  }

  fail(fault: SandboxFault): void {
    this.unwatch();
    this.#settled.reject(
      new SandboxFault(fault.code, fault.message, { cause: fault, executed: this.executed }),
    );
  }
}
