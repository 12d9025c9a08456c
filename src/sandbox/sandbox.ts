import type { Deadline } from '../kernel/deadline.ts';
import type { SandboxHandle } from '../kernel/sandbox-handle.ts';
import type { EgressReading, Executed, FaultCode, HostReading, PostMortem } from '../outcome/evidence.ts';
import type { CallLimits, CallNumber, Ending, StartFailure, Work } from '../protocol/messages.ts';
import type { Image, Policy } from '../policy/schema.ts';

/** Parts of this contract that lower layers define, since they need them too. */
export type { PostMortem, SandboxHandle };

/** What the engine makes a sandbox from. Two equal specs may share a warm pool. */
export interface SandboxSpec {
  readonly image: Image;
  readonly policy: Policy;
  /** The kind of sandbox, for labels, metrics and the pool. Derived from image and sandbox policy. */
  readonly poolClass: string;
  /** Under `user: own`: the user number of the sandbox that this one replaces. Absent: the engine chooses one. */
  readonly ownUser?: number;
}

/** How a call ended, and what was observed from outside while it ran. */
export type CallReport = (Ending | StartFailure) & {
  /** Present where the sandbox policy lists hosts. */
  readonly egress?: EgressReading;
  /** How long the call waited, before it was sent, for the egress proxy to answer. */
  readonly waitedMs?: number;
  /** Somebody outside paused the sandbox while the call ran. */
  readonly paused?: boolean;
  /** Of a starved call: the share of the processors that all sandboxes together used during it, 0 to 1, while all were busy. */
  readonly sandboxesUsed?: number;
  /** Of a call that lacked memory or processes: what the host shows. */
  readonly host?: HostReading;
};

/** Programs found when the sandbox became ready. Missing then: attributed to the task. Missing later: to the model. */
export interface Offers {
  readonly shell: string | null;
  readonly python: string | null;
}

/**
 * A running container whose sandboxd answers. It belongs to one rollout, or to the warm pool.
 *
 * Life cycle: made by `SandboxEngine.start` or `adopt`, used by one owner, ended by `SandboxEngine.remove`.
 */
export interface Sandbox {
  readonly handle: SandboxHandle;
  readonly offers: Offers;
  /** The highest call number used in this sandbox, readiness checks included. Numbers up to it can't be used again. */
  readonly lastCall: CallNumber;

  /**
   * Starts the call and waits for its ending. The same number may be given again after a fault: sandboxd starts it
   * at most once and reports the ending it kept. A broken stream is attached again without the caller's help.
   *
   * @throws SandboxFault `lost` (sandboxd can't be reached any more; `executed` says what is known), or
   * `agent_silent` (attached, but no report within the limits plus a margin).
   */
  run(call: CallNumber, work: Work, limits: CallLimits): Promise<CallReport>;

  /**
   * Resolves when sandboxd has answered. Starts nothing in the sandbox, so that hundreds can be asked at once.
   *
   * @throws SandboxFault `lost`, DeadlineExceeded.
   */
  answers(deadline: Deadline): Promise<void>;

  /** The ending is durable: sandboxd may drop it. Not confirmed; a lost acknowledgement only costs memory. */
  acknowledge(call: CallNumber): void;

  /** Ends the call's process tree; `run` then returns an ending with reason `cancelled`. */
  cancel(call: CallNumber): void;

  /** Resolves (never rejects) when the sandbox can't be used any more, with the fault. */
  readonly lost: Promise<SandboxFault>;

  /** Ends the attachment; the container keeps running. Calls under way reject with `lost`; the promise `lost` stays open. */
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
   * Makes a sandbox and waits until its sandboxd has answered a probe. That uses call numbers up to the sandbox's
   * `lastCall`; the caller continues from there.
   *
   * Before the first sandbox of a sandbox policy, one is tried: where the engine does not hold a limit that the policy asks
   * for, and no operator has accepted that, this and every start of the policy is refused (`engine_error`, `lasting`).
   *
   * @throws SandboxFault `image_missing`, `image_broken` (the task's), or `engine_down`, `engine_error`,
   * `start_timeout` (infrastructure; may be retried, no command of the model has run). The engine itself removes a
   * container that was made and can't be used, in the background.
   */
  start(spec: SandboxSpec, deadline: Deadline): Promise<Sandbox>;

  /**
   * Attaches to a sandbox of an earlier process of this controller. Its running calls continue, and sandboxd keeps endings
   * that were not acknowledged: `run` with the old number returns them.
   *
   * @throws SandboxFault `lost` (gone, ended, or another sandboxd instance) or `engine_down`.
   */
  adopt(handle: SandboxHandle, deadline: Deadline): Promise<Sandbox>;

  /** Sandboxes on this engine that carry this controller's label, whatever their state. @throws SandboxFault `engine_down`. */
  list(deadline: Deadline): Promise<readonly SandboxHandle[]>;

  /** Ends and removes a sandbox. Idempotent: succeeds where it is gone. @throws SandboxFault `engine_down`, `engine_error`. */
  remove(handle: SandboxHandle, deadline: Deadline): Promise<void>;

  /** What the engine knows about a sandbox that stopped answering. Never throws: unknown facts are reported as unknown. */
  postMortem(handle: SandboxHandle, deadline: Deadline): Promise<PostMortem>;

  /** Asks the engine for its version, runtime and cgroup version. @throws SandboxFault `engine_down`. */
  ping(deadline: Deadline): Promise<EngineInfo>;
}

export interface EngineInfo {
  readonly version: string;
  /** The OCI runtime of new sandboxes whose sandbox policy names none. */
  readonly runtime: string;
  readonly cgroupVersion: number;
}

/**
 * The only class that engines and sandboxes throw. Code that can retry catches it: starts, pool and removals in
 * `admission/`, the fence, the replay and the restore in `rollouts/`. A fault that remains is judged in
 * `rollouts/losses.ts`, for calls and for file transfers. A fault outside a call becomes a 503 in `http/errors.ts`.
 */
export class SandboxFault extends Error {
  override readonly name = 'SandboxFault';
  readonly code: FaultCode;
  /** Whether the call's command ran before the fault. */
  readonly executed: Executed;
  /** Repeating the start does not help until an operator has changed something; other sandbox policies are not concerned. */
  readonly lasting: boolean;

  constructor(
    code: FaultCode,
    message: string,
    options: { cause?: unknown; executed?: Executed; lasting?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.executed = options.executed ?? 'no';
    this.lasting = options.lasting ?? false;
  }
}
