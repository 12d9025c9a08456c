import type { Deadline } from '../kernel/deadline.ts';
import type { JobId, RolloutKey } from '../kernel/ids.ts';
import type { Sandbox, SandboxFault, SandboxHandle, SandboxSpec } from '../sandbox/sandbox.ts';

/** A rollout's request for a sandbox. A rollout has at most one at a time. */
export interface SandboxRequest {
  readonly spec: SandboxSpec;
  /** Jobs are served in rotation; within a job, first come, first served. */
  readonly job: JobId;
  readonly rollout: RolloutKey;
  readonly deadline: Deadline;
  /** Aborted when nobody waits for the sandbox any more: a place that still waits is abandoned. */
  readonly leave?: AbortSignal;
  /** Called for each infrastructure fault; the start is then retried until the deadline. */
  readonly onFault: (fault: SandboxFault) => void;
}

/** The place of a rollout that waits for its sandbox. */
export interface QueuePlace {
  /** From 1, counted over the waiting rollouts; 0 when the rollout's own start is in flight. */
  readonly position: number;
  /** An estimate from the duration of recent starts. */
  readonly expectedWaitMs: number;
}

export interface SupplyLoad {
  /** Rollouts that wait for a start. */
  readonly waiting: number;
  /** Starts in flight for rollouts. */
  readonly starting: number;
  /** Estimated time until the start of a request made now would begin. */
  readonly waitMs: number;
}

/** The source of sandboxes for rollouts: the warm pool, then the start queue. */
export interface SandboxSupply {
  /**
   * A sandbox for this rollout alone.
   *
   * @throws SandboxFault: a fault of the task (`image_missing`, `image_broken`) at once; an infrastructure fault only
   * when the deadline leaves no time for another attempt. QueueRefusal when no start is in flight and the deadline
   * passes, the request is withdrawn or the queue is closed; at once when the queue is full or too long for the deadline.
   */
  acquireSandbox(request: SandboxRequest): Promise<Sandbox>;

  /** Null when the rollout waits for no sandbox. */
  queuePlaceOf(rollout: RolloutKey): QueuePlace | null;

  /** Counts a sandbox that a rollout uses as live, even if an earlier controller process started it. */
  countAdopted(handle: SandboxHandle): void;

  readonly load: SupplyLoad;
}
