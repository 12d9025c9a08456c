import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import { errorMessage } from '../kernel/errors.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import { FileRefused } from '../rollouts/upload.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';
import { errnoText } from './errno.ts';

const WORK_MS = 300_000;

/** Work that failed. `problem` is for the caller. A status below 500 is attributed to the caller or the model. */
export interface WorkProblem {
  readonly problem: string;
  readonly status: 404 | 410 | 503;
}

interface LockedWorkParts {
  readonly sandboxes: Pick<Sandboxes, 'losses'>;
  readonly clock: Clock;
}

/**
 * Does work that is not a call with the rollout's call lock; repeats it in a rebuilt sandbox if the sandbox is lost to
 * infrastructure.
 */
export async function withCallLock<T extends object>(
  { sandboxes, clock }: LockedWorkParts,
  rollout: Rollout,
  work: (deadline: Deadline) => Promise<T>,
): Promise<T | WorkProblem> {
  const deadline = Deadline.after(clock, 'turn_wait', WORK_MS);
  using lock = await rollout.callLock.acquire(deadline);
  if (lock === null) return { problem: 'earlier calls of this rollout took too long', status: 503 };
  using _held = rollout.heldUpTime.begin(clock);
  if (rollout.state === 'lost' || rollout.state === 'ended')
    return { problem: 'the rollout has ended', status: 410 };
  for (;;) {
    try {
      return await work(deadline);
    } catch (error) {
      if (error instanceof FileRefused) return refusedFile(error);
      const fate = await sandboxes.losses.settleError(rollout, error);
      if (fate !== 'rebuild') return { problem: errorMessage(error), status: 503 };
    }
  }
}

/** Why a file could not be read further, after its beginning was. Errors of other kinds are passed on. */
export function brokenOff(error: unknown): WorkProblem {
  if (error instanceof FileRefused) return refusedFile(error);
  if (error instanceof SandboxFault) return { problem: error.message, status: 503 };
  throw error;
}

const refusedFile = (error: FileRefused): WorkProblem => ({
  problem: error.errno === 0 ? error.message : errnoText(error.errno),
  status: 404,
});
