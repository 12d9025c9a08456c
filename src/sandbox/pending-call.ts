import type { Clock } from '../kernel/clock.ts';
import type { Executed } from '../outcome/evidence.ts';
import {
  latestEndMs,
  type CallLimits,
  type CallNumber,
  type Command,
  type Ending,
  type StartFailure,
  type Work,
} from '../protocol/messages.ts';
import { SandboxFault } from './sandbox.ts';

/** sandboxd reports a started command at once; a slow engine may delay the report by this much. */
const STARTED_WITHIN_MS = 45_000;

type Start = Extract<Command, { type: 'start' }>;

/**
 * One call without an ending yet, and what is known of it.
 *
 *     unsent --frame written to a stream--> sent --`started`--> started
 *     sent --sandboxd reports that it never saw the number--> unsent
 *
 * `executed` is `no`, `unknown`, `yes` in these states: a frame that was written may have arrived.
 */
export class PendingCall {
  readonly start: Start;
  readonly #settled = Promise.withResolvers<Ending | StartFailure>();
  readonly #clock: Clock;
  #progress: 'unsent' | 'sent' | 'started' = 'unsent';
  #cancelAlarm: () => void = () => undefined;
  #endsBy = Infinity;
  /** The time for a report has passed once, and the attachment was renewed. */
  suspected = false;
  /** To be ended; `cancel` is repeated after every attachment. */
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
    if (this.#progress === 'started') return;
    this.#progress = 'started';
    this.#endsBy = this.#clock.monotonic() + latestEndMs(this.start.limits);
  }

  /** Calls `silent` unless `started` is reported in time, and then the ending within the longest time of the command. */
  watch(marginMs: number, silent: () => void): void {
    const leftMs = Math.max(0, this.#endsBy - this.#clock.monotonic());
    this.unwatch();
    this.#cancelAlarm = this.#clock.alarm(
      this.#progress === 'started' ? leftMs + marginMs : STARTED_WITHIN_MS,
      silent,
    );
  }

  /** Without an attachment no report can be missing. */
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
