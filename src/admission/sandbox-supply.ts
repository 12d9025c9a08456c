import type { SandboxSpec } from '../sandbox/sandbox.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Deadline } from '../kernel/deadline.ts';
import type { SandboxFault } from '../sandbox/sandbox.ts';

/** Where rollouts get their sandboxes from: the start queue, later a warm pool before it. */
export interface SandboxSupply {
  /**
   * A sandbox that nobody else has. Infrastructure faults are retried within the deadline, each told to `onFault`.
   *
   * @throws SandboxFault the task's own (`image_missing`, `image_broken`) at once; an infrastructure fault only
   * when the deadline leaves no time for another try. DeadlineExceeded (`queue_wait`) where no try was made at all.
   */
  take(spec: SandboxSpec, deadline: Deadline, onFault: (fault: SandboxFault) => void): Promise<Sandbox>;

  /** Waiting starts and starts in flight. */
  readonly load: { readonly waiting: number; readonly starting: number };
}
