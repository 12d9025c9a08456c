import type { Duplex } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import type { Report } from '../protocol/messages.ts';
import type { SandboxFault } from './sandbox.ts';

/** Opens one byte stream to sandboxd. The link tries again after `engine_down` and `engine_error`; others are final. */
export type Attach = (deadline: Deadline) => Promise<Duplex>;

export type State = Extract<Report, { type: 'state' }>;

export interface LinkTimes {
  /** How long a broken attachment may take to be restored, for example during a restart of the engine. */
  readonly reattachMs: number;
  /** One attempt: the attachment and the answer to `resume`. */
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

/** Called by the link. */
export interface LinkOwner {
  /** `resume` was answered: commands can be sent. */
  attached(state: State): void;
  reported(report: Exclude<Report, State>): void;
  detached(): void;
  /** sandboxd cannot be reached any more. Called at most once, and last. */
  closed(fault: SandboxFault): void;
}

export interface LinkOptions {
  readonly attach: Attach;
  readonly clock: Clock;
  readonly times: LinkTimes;
  /** The instance that must answer; null: any. */
  readonly instance: string | null;
}
