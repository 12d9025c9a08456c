import type { Deadline } from '../kernel/deadline.ts';
import type { EgressReading, Executed, FaultCode } from '../outcome/evidence.ts';
import type { CallLimits, CallNumber, Counters, Ending, StartFailure, Work } from '../protocol/messages.ts';
import type { Image, Policy } from '../policy/schema.ts';

/** What a sandbox is made from. Two equal specs may share a warm pool. */
export interface SandboxSpec {
  readonly image: Image;
  readonly policy: Policy;
  /** For labels, metrics and the pool: which kind of sandbox this is. Derived from image and policy. */
  readonly poolClass: string;
  /** For policies whose user is `own`: the one of a sandbox that this one repeats. Absent: one that nobody else has. */
  readonly ownUser?: number;
}

/** Enough to find a sandbox again after a restart of the controller. Journaled; holds no secret. */
export interface SandboxHandle {
  readonly engine: string;
  /** The engine's own id, such as a container id. */
  readonly id: string;
  /** sandboxd's instance; a different one behind the same id knows nothing of earlier calls. Null until ready. */
  readonly instance: string | null;
  readonly poolClass: string;
  /** User and group of the model's commands, where the policy says `own`: outputs show it. */
  readonly ownUser?: number;
}

/** How a call ended, and what else is known of that time. */
export type CallReport = (Ending | StartFailure) & {
  /** Where the sandbox has a way out. */
  readonly egress?: EgressReading;
  /** Somebody outside froze the sandbox while the call ran. */
  readonly paused?: boolean;
  /** Of a starved call: what all sandboxes together had of the processors meanwhile, 0 to 1. */
  readonly sandboxesUsed?: number;
};

/** What the image offered when the sandbox became ready: missing then is the task's doing, missing later the model's. */
export interface Offers {
  readonly shell: string | null;
  readonly python: string | null;
}

/** What the engine and the host can say about a sandbox that no longer answers. All from outside the sandbox. */
export interface PostMortem {
  /** `unknown`: the engine could not be asked, or does not say. */
  readonly container: 'running' | 'exited' | 'gone' | 'unknown';
  readonly exitCode: number | null;
  /** From the engine's events within the sandbox's life; a kill that we did not order is somebody else's. */
  readonly foreignKill: boolean;
  /** The engine froze it; we never ask for that. */
  readonly foreignPause: boolean;
  /** The engine's OOMKilled flag. Sticky and misleading for children; meaningful for PID 1 only. */
  readonly oomFlag: boolean;
  /** Counters read on the host after the end, where the host is reachable and the cgroup is still there. */
  readonly hostCounters: Counters | null;
  /** The engine could not be asked who was killed by whom, though it otherwise can. */
  readonly evidenceGap: boolean;
  /** The engine or its daemon was restarted or unreachable during the sandbox's last call. */
  readonly engineDisturbed: boolean;
}

/**
 * A running container whose sandboxd answers. One rollout's, or nobody's yet.
 *
 * Life: made by `SandboxEngine.start` or `adopt`, used by one owner, ended by `SandboxEngine.remove`.
 */
export interface Sandbox {
  readonly handle: SandboxHandle;
  readonly offers: Offers;
  /** The highest call number that was used in this sandbox, by readiness checks too; numbers up to it are used up. */
  readonly lastCall: CallNumber;

  /**
   * Starts the call, waits for its ending. The same number may be given again after a fault: sandboxd starts it
   * at most once and reports the ending it kept. A broken stream is re-attached within, unseen by the caller.
   *
   * @throws SandboxFault `lost` (sandboxd can't be reached any more; `executed` says what is known), or
   * `agent_silent` (attached, but no word within the limits plus a margin).
   */
  run(call: CallNumber, work: Work, limits: CallLimits): Promise<CallReport>;

  /**
   * Resolves when sandboxd has answered. Starts nothing in the sandbox, so that hundreds can be asked at once.
   *
   * @throws SandboxFault `lost`, DeadlineExceeded.
   */
  answers(deadline: Deadline): Promise<void>;

  /** The ending is durable: sandboxd may forget it. Fire and forget; a lost acknowledgement only costs memory. */
  acknowledge(call: CallNumber): void;

  /** Ends the call's process tree; `run` then returns an ending with reason `cancelled`. */
  cancel(call: CallNumber): void;

  /** Resolves (never rejects) once the sandbox can't be used any more, with what was seen. */
  readonly lost: Promise<SandboxFault>;

  /** Lets go of the attachment without touching the container: calls under way reject with `lost`, `lost` stays open. */
  detach(): void;
}

/**
 * What one engine can do and another can't. Fixed once the engine is connected. It holds for sandboxes whose sandbox
 * policy leaves the runtime to the engine.
 *
 * The conformance suite (`test/conformance`) checks both sides of each. Declared: it works. Not declared: a sandbox
 * policy that needs it is refused by `start` (`engine_error`, the message names the key of the policy), and evidence
 * that can't be had is reported as absent, never guessed.
 */
export interface EngineCapabilities {
  /**
   * When the engine needs the image. `start`: a sandbox is started on its image, so that a warm one serves tasks of
   * that image only, and `start` finds an image that is missing or broken. `claim`: `start` doesn't look at the image,
   * so that a warm sandbox serves any image until it is claimed.
   */
  readonly imageAt: 'start' | 'claim';
  /** `network` may name one of the engine's networks. */
  readonly networks: boolean;
  /** `network` may list hosts. */
  readonly egressLists: boolean;
  /** `user` may be `own`. */
  readonly ownUsers: boolean;
  /** `limits.disk` is held. Where it is not, nothing is refused for it: an operator is told when the engine connects. */
  readonly diskLimit: boolean;
  /** Counters of memory and processes have a source: OOM kills and refused forks are counted. Else each is -1. */
  readonly counters: boolean;
  /** A kill or removal that this controller did not order shows as `foreignKill`. Else `foreignKill` is false. */
  readonly foreignKills: boolean;
  /** A freeze by somebody outside shows as `paused` and `foreignPause`. Else both are absent or false. */
  readonly foreignPauses: boolean;
}

/**
 * One backend that makes sandboxes. A second engine repeats the file names of `docker/`, and passes the conformance
 * suite.
 */
export interface SandboxEngine {
  readonly name: string;
  readonly capabilities: EngineCapabilities;

  /**
   * Makes a sandbox and waits until its sandboxd has answered a probe. Call numbers up to the sandbox's `lastCall` are
   * used up by that; the caller counts on from there.
   *
   * @throws SandboxFault `image_missing`, `image_broken` (the task's), or `engine_down`, `engine_error`,
   * `start_timeout` (infrastructure; may be retried, nothing of a model has run). A container that was
   * made and can't be used is removed by the engine itself, off the caller's path.
   */
  start(spec: SandboxSpec, deadline: Deadline): Promise<Sandbox>;

  /**
   * Attaches to a sandbox of an earlier life of this controller. Calls that run there go on, endings that nobody has
   * acknowledged are kept: `run` with the old number gives them.
   *
   * @throws SandboxFault `lost` (gone, ended, or another sandboxd instance) or `engine_down`.
   */
  adopt(handle: SandboxHandle, deadline: Deadline): Promise<Sandbox>;

  /** Sandboxes on this engine that carry this controller's label, whatever their state. @throws SandboxFault `engine_down`. */
  list(deadline: Deadline): Promise<readonly SandboxHandle[]>;

  /** Ends and removes. Idempotent: removing what is gone succeeds. @throws SandboxFault `engine_down`, `engine_error`. */
  remove(handle: SandboxHandle, deadline: Deadline): Promise<void>;

  /** What can be learnt about a sandbox that stopped answering. Never throws: what can't be known says so. */
  postMortem(handle: SandboxHandle, deadline: Deadline): Promise<PostMortem>;

  /** Whether the engine answers now, with what it is. @throws SandboxFault `engine_down`. */
  ping(deadline: Deadline): Promise<EngineInfo>;
}

export interface EngineInfo {
  readonly version: string;
  /** The OCI runtime that new sandboxes get unless the policy names one. */
  readonly runtime: string;
  readonly cgroupVersion: number;
}

/** The one class thrown below the conductor: `tools/call.ts` turns it into an ending, admission into a retry. */
export class SandboxFault extends Error {
  override readonly name = 'SandboxFault';
  readonly code: FaultCode;
  /** Whether the call's command ran before the fault. */
  readonly executed: Executed;

  constructor(code: FaultCode, message: string, options: { cause?: unknown; executed?: Executed } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.executed = options.executed ?? 'no';
  }
}
