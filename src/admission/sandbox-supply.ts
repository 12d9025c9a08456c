import type { Deadline } from '../kernel/deadline.ts';
import type { JobId, RolloutId } from '../kernel/ids.ts';
import type { Sandbox, SandboxFault, SandboxHandle, SandboxSpec } from '../sandbox/sandbox.ts';

/** One rollout's wish for a sandbox. */
export interface SandboxRequest {
  readonly spec: SandboxSpec;
  /** Jobs take turns; within one, first come first served. */
  readonly job: JobId;
  /** Whose place it is. One wish per rollout at a time. */
  readonly rollout: RolloutId;
  readonly deadline: Deadline;
  /** Aborted where nobody wants the sandbox any more: a place not yet served is given up. */
  readonly leave?: AbortSignal;
  /** Told of every infrastructure fault on the way, each retried within the deadline. */
  readonly onFault: (fault: SandboxFault) => void;
}

/** Where a rollout stands that waits for its sandbox. */
export interface QueuePlace {
  /** Starts that go before its own, were nobody else to come; 0 where its own is under way. */
  readonly position: number;
  /** From what starts take at present. An estimate. */
  readonly expectedWaitMs: number;
}

export interface SupplyLoad {
  /** Rollouts that wait for a start, and starts in flight. */
  readonly waiting: number;
  readonly starting: number;
  /** What somebody who came now would wait for its start to begin. An estimate. */
  readonly waitMs: number;
}

/** Where rollouts get their sandboxes from: the warm pool, and behind it the start queue. */
export interface SandboxSupply {
  /**
   * A sandbox that nobody else has.
   *
   * @throws SandboxFault the task's own (`image_missing`, `image_broken`) at once; an infrastructure fault only
   * when the deadline leaves no time for another try. QueueRefusal where no start was made: the deadline passed, the
   * request was withdrawn, the queue was closed, or it is full or too long to meet the deadline (then at once).
   */
  take(request: SandboxRequest): Promise<Sandbox>;

  /** Null where the rollout waits for nothing. */
  place(rollout: RolloutId): QueuePlace | null;

  /** A sandbox is a rollout's that this supply may not have given, but an earlier life of this controller. */
  adopted(handle: SandboxHandle): void;

  readonly load: SupplyLoad;
}
