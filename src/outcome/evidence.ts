/**
 * Evidence on how a call ended. It comes only from channels that no process of the model can write: sandboxd's reports,
 * cgroup counters, the engine's answers and the controller's records. Text that a command printed is never part of it.
 */

import type { Ending, StartFailure } from '../protocol/messages.ts';
import type { CauseCode } from './causes.ts';

/** What a tool needs in the sandbox. If it is missing, this decides the attribution. */
export type Need = 'shell' | 'python' | 'program' | 'files';

/** A sandbox's connections during one call, as the proxy and the controller saw them; nothing comes from the sandbox. */
export interface EgressReading {
  readonly connections: number;
  /** Refused because the sandbox policy does not list the host. */
  readonly denied: number;
  /**
   * The sandbox used its egress socket while the proxy was down, or while names that are known to be good could not be
   * resolved. False where the sandbox itself was connected when the proxy crashed.
   */
  readonly disturbed: boolean;
  /** The proxy crashed while this sandbox was connected to it: perhaps by its request. */
  readonly crashed?: boolean;
}

/** Memory, as the engine measured it on the host. It covers the sandbox's own control groups above what sandboxd sees. */
export interface HostMemory {
  /** How often, during the call, a limit of the sandbox's own control groups refused memory. */
  readonly ownLimitHits: number;
  /** The largest share of the memory that all sandboxes together could have, which they used during the call. */
  readonly sandboxesUsed: number;
}

/** Processes and threads, as the engine measured them on the host. */
export interface HostProcesses {
  /** The host, or a control group above the sandbox's, had no room for one more. */
  readonly full: boolean;
  /** The share of that room which all sandboxes together used. */
  readonly sandboxesUsed: number;
}

/** What the engine measured on its host for a call that lacked something. An absent part is unknown. */
export interface HostReading {
  /** For a call with an OOM kill. */
  readonly memory?: HostMemory;
  /** For a call with a refused fork. */
  readonly processes?: HostProcesses;
}

/** For a call that ran: the part of sandboxd's report that no process of the sandbox can write, and further evidence. */
export interface EndedRecord extends Pick<
  Ending,
  'waitStatus' | 'killReason' | 'killReach' | 'interpreter' | 'starvedMs' | 'before' | 'after'
> {
  /**
   * For a starved call: the share of the processors that all sandboxes used together, 0 to 1. Absent: unknown, or the
   * processors were not used up, so that nobody withheld them.
   */
  readonly sandboxesUsed?: number;
  readonly host?: HostReading;
  /** The engine's events show that the sandbox was paused from outside during the call. */
  readonly paused?: boolean;
  /** Only for a sandbox whose policy allows network hosts. */
  readonly egress?: EgressReading;
}

/** For a call that could not be started: the part of sandboxd's report that is evidence. */
export interface NotStartedRecord extends Pick<StartFailure, 'errno' | 'stage' | 'killReach' | 'before'> {
  /** Absent in journals of 0.1.0. */
  readonly after?: StartFailure['after'];
  readonly host?: HostReading;
}

/** What engine and host report about a sandbox that stopped answering. Everything comes from outside the sandbox. */
export interface PostMortem {
  /** `unknown`: the engine could not be asked, or did not report it. */
  readonly container: 'running' | 'exited' | 'gone' | 'unknown';
  /** The engine's events show a kill during the sandbox's life that this controller did not request. */
  readonly foreignKill: boolean;
  /** The sandbox was paused during its last call or since, or still is. This controller never requests that. */
  readonly foreignPause: boolean;
  /** The engine's OOMKilled flag. It is never reset and is also set for child processes, so it is used for PID 1 only. */
  readonly oomFlag: boolean;
  /** The engine reported an OOM kill in the sandbox since its last call began. Absent: unknown. */
  readonly oomSince?: boolean;
  /** The engine answers, but its events were not available, so kills from outside are unknown. */
  readonly evidenceGap: boolean;
  /** The engine was restarted or unreachable during the sandbox's last call. */
  readonly engineDisturbed: boolean;
}

/** Why a sandbox could not be started, or why it was lost. The codes of `SandboxFault`. */
export type FaultCode =
  | 'image_missing'
  | 'image_broken'
  | 'engine_down'
  | 'engine_error'
  | 'start_timeout'
  | 'agent_silent'
  | 'lost';

/** Whether the command of the call ran. Independent of the attribution. */
export type Executed = 'no' | 'yes' | 'unknown';

export type Evidence =
  | { readonly kind: 'ended'; readonly need: Need; readonly record: EndedRecord }
  | {
      readonly kind: 'not_started';
      readonly need: Need;
      /** The sandbox had what the tool needs when it became ready. */
      readonly offered: boolean;
      readonly record: NotStartedRecord;
    }
  /** Refused because of the model's arguments, tool name or number of calls, before anything could run. */
  | { readonly kind: 'refused'; readonly reason: 'bad_arguments' | 'unknown_tool' | 'call_budget' }
  /** The call could not get the call lock in time, because of earlier calls of the same rollout. */
  | {
      readonly kind: 'turn_expired';
      /** How long it waited. Absent, as the next: unknown. */
      readonly waitMs?: number;
      /** For how much of that earlier calls were held up by infrastructure: starvation, a rebuild, waiting for a sandbox. */
      readonly heldUpMs?: number;
    }
  | { readonly kind: 'queue_expired' }
  /** A set-up command of the task failed in a fresh sandbox. */
  | { readonly kind: 'setup_failed' }
  /** No sandbox could be started, so nothing of the model has run. */
  | { readonly kind: 'no_sandbox'; readonly fault: FaultCode }
  | {
      readonly kind: 'sandbox_lost';
      readonly fault: FaultCode;
      readonly executed: Executed;
      readonly postMortem: PostMortem;
    }
  /** The controller was restarted, and the sandbox of a call without a recorded ending no longer exists. */
  | { readonly kind: 'controller_restarted' }
  /** The sandbox was lost in an earlier call or between calls; the first cause stays. */
  | { readonly kind: 'lost_before'; readonly cause: CauseCode }
  | {
      readonly kind: 'rollout_over';
      readonly how: 'idle' | 'life' | 'deleted' | 'graded' | 'stopped';
      /** Of `life`: how long the rollout lived, and for how much of that its own commands ran. Absent: unknown. */
      readonly lifeMs?: number;
      readonly commandsMs?: number;
      /** Of a call that was under way at that moment: whether its command ran. Absent: no. */
      readonly executed?: Executed;
    };
