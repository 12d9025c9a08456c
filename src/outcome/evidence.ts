/**
 * What is known about how a call ended, gathered from channels that no process of the model can write: the
 * sandboxd's own records, cgroup counters, the engine's answers, our own records. Text that a command printed is
 * never part of it.
 */

import type { CauseCode } from './causes.ts';

/** Counters before and after a call; -1 where the host has no such source. Only differences are judged. */
export interface CounterReading {
  readonly oomKills: number;
  readonly memoryPeakBytes: number;
  readonly memoryLimitBytes: number;
  readonly pidsLimitHits: number;
}

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

/** sandboxd's record of a call that ran. */
export interface EndedRecord {
  readonly waitStatus: number;
  readonly killReason: 'none' | 'timeout' | 'output' | 'cancelled' | 'starved';
  readonly killReach: 'none' | 'tree' | 'everything';
  readonly interpreter: 'kept' | 'lost' | 'replaced';
  /** Milliseconds of a limit that was reached in which the command was ready to run and others had the processors. */
  readonly starvedMs: number;
  /** Of a starved call: what all sandboxes together had of this host's processors, 0 to 1. Absent: not known. */
  readonly sandboxesUsed?: number;
  /** Somebody outside froze the sandbox meanwhile: the engine's events say so. */
  readonly paused?: boolean;
  /** Of a sandbox that may reach hosts. */
  readonly egress?: EgressReading;
  readonly before: CounterReading;
  readonly after: CounterReading;
}

/** sandboxd's record of a call that could not be started. */
export interface NotStartedRecord {
  readonly errno: number;
  readonly stage: 'fork' | 'exec';
  readonly killReach: 'none' | 'tree' | 'everything';
  readonly before: CounterReading;
}

/** What engine and host say about a sandbox that stopped answering. */
export interface PostMortemRecord {
  readonly container: 'running' | 'exited' | 'gone' | 'unknown';
  readonly foreignKill: boolean;
  readonly foreignPause: boolean;
  readonly oomFlag: boolean;
  /** Who was killed by whom could not be asked. */
  readonly evidenceGap: boolean;
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
      readonly postMortem: PostMortemRecord;
    }
  /** The controller was restarted and the sandbox of a call without a recorded ending is gone. */
  | { readonly kind: 'controller_restarted' }
  /** The sandbox was lost in an earlier call or between calls; that cause sticks. */
  | { readonly kind: 'lost_before'; readonly cause: CauseCode }
  | { readonly kind: 'rollout_over'; readonly how: 'idle' | 'life' | 'deleted' | 'graded' | 'stopped' };
