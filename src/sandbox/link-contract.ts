import type { Duplex } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import type { Report } from '../protocol/messages.ts';
import type { SandboxFault } from './sandbox.ts';

/** Opens one byte stream to sandboxd. Codes `engine_down` and `engine_error` are tried again, others are final. */
export type Attach = (deadline: Deadline) => Promise<Duplex>;

export type State = Extract<Report, { type: 'state' }>;

export interface LinkTimes {
  /** How long a broken attachment may take to come back, such as the engine's restart. */
  readonly reattachMs: number;
  /** One attempt: attach and the answer to `resume`. */
  readonly attemptMs: number;
  readonly firstBackoffMs: number;
  readonly lastBackoffMs: number;
}

export const LINK_TIMES: LinkTimes = {
  reattachMs: 60_000,
  attemptMs: 10_000,
  firstBackoffMs: 20,
  lastBackoffMs: 2_000,
};

/** What the link tells its one owner. */
export interface LinkOwner {
  /** `resume` was answered: the truth about every call may be asked for now. */
  attached(state: State): void;
  reported(report: Exclude<Report, State>): void;
  detached(): void;
  /** The end: sandboxd can't be reached any more. */
  closed(fault: SandboxFault): void;
}

export interface LinkOptions {
  readonly attach: Attach;
  readonly clock: Clock;
  readonly times: LinkTimes;
  /** The instance that must answer; null: whichever answers first. */
  readonly instance: string | null;
}
