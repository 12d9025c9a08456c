/**
 * What is known about how a call ended, gathered from channels that no process of the model can write:
 * sandboxd's own reports, cgroup counters, the engine's answers, our own records. Text that a command printed is
 * never part of it.
 */

import type { Ending, StartFailure } from '../protocol/messages.ts';
import type { CauseCode } from './causes.ts';

/** What a tool needs in the sandbox; decides whose fault it is when that is missing. */
export type Need = 'shell' | 'python' | 'program' | 'files';

/** What is known of a sandbox's connections during one call; from the proxy and from us, never from the sandbox. */
export interface EgressReading {
  readonly connections: number;
  /** Refused by the policy's list. */
  readonly denied: number;
  /** The sandbox used the way out while the proxy was not there, or names could not be resolved. */
  readonly disturbed: boolean;
}

/** The part of sandboxd's report on a call that ran that no process of the sandbox writes, and what is known beside it. */
export interface EndedRecord extends Pick<
  Ending,
  'waitStatus' | 'killReason' | 'killReach' | 'interpreter' | 'starvedMs' | 'before' | 'after'
> {
  /** Of a starved call: the share of this host's processors that all sandboxes had together, 0 to 1. Absent: unknown. */
  readonly sandboxesUsed?: number;
  /** The engine's events show that somebody outside froze the sandbox during the call. */
  readonly paused?: boolean;
  /** Of a sandbox that may reach hosts. */
  readonly egress?: EgressReading;
}

/** The part of sandboxd's report on a call that could not be started. */
export type NotStartedRecord = Pick<StartFailure, 'errno' | 'stage' | 'killReach' | 'before'>;

/** What the engine and the host say about a sandbox that stopped answering. All of it from outside the sandbox. */
export interface PostMortem {
  /** `unknown`: the engine could not be asked, or does not say. */
  readonly container: 'running' | 'exited' | 'gone' | 'unknown';
  /** From the engine's events within the sandbox's life: it was killed, and not by this controller. */
  readonly foreignKill: boolean;
  /** The engine froze it. This controller never asks for that. */
  readonly foreignPause: boolean;
  /** The engine's OOMKilled flag. Sticky, and misleading for children; meaningful for PID 1 only. */
  readonly oomFlag: boolean;
  /** The engine answers, but could not be asked who killed whom. */
  readonly evidenceGap: boolean;
  /** The engine or its daemon was restarted or unreachable during the sandbox's last call. */
  readonly engineDisturbed: boolean;
}

/** Why no sandbox could be had, or why it was lost. The codes of `SandboxFault`. */
export type FaultCode =
  | 'image_missing'
  | 'image_broken'
  | 'engine_down'
  | 'engine_error'
  | 'start_timeout'
  | 'agent_silent'
  | 'lost';

/** Whether the command of the call ran. Apart from whose fault the ending is. */
export type Executed = 'no' | 'yes' | 'unknown';

export type Evidence =
  | { readonly kind: 'ended'; readonly need: Need; readonly record: EndedRecord }
  | {
      readonly kind: 'not_started';
      readonly need: Need;
      /** The sandbox had it when it became ready. */
      readonly offered: boolean;
      readonly record: NotStartedRecord;
    }
  /** The model's arguments or tool name; judged before anything could run. */
  | { readonly kind: 'refused'; readonly reason: 'bad_arguments' | 'unknown_tool' | 'call_budget' }
  /** Earlier calls of the same rollout took the time this one could wait. */
  | { readonly kind: 'turn_expired' }
  | { readonly kind: 'queue_expired' }
  /** A set-up command of the task failed in a fresh sandbox. */
  | { readonly kind: 'setup_failed' }
  /** No sandbox came to be: nothing of a model had run in it. */
  | { readonly kind: 'no_sandbox'; readonly fault: FaultCode }
  | {
      readonly kind: 'sandbox_lost';
      readonly fault: FaultCode;
      readonly executed: Executed;
      readonly postMortem: PostMortem;
    }
  /** The controller was restarted and the sandbox of a call without a recorded ending is gone. */
  | { readonly kind: 'controller_restarted' }
  /** The sandbox was lost in an earlier call or between calls; that cause sticks. */
  | { readonly kind: 'lost_before'; readonly cause: CauseCode }
  | { readonly kind: 'rollout_over'; readonly how: 'idle' | 'life' | 'deleted' | 'graded' | 'stopped' };
