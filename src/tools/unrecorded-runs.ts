import type { Clock } from '../kernel/clock.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import { withCallLock, type WorkProblem } from './locked-work.ts';
import { shell } from './shell.ts';
import { callLimits, type Shown } from './tool.ts';

/** Longest time of a run. */
const RUN_MS = 10_000;

/**
 * Runs commands that the model did not ask for. They are no calls: not in the trajectory, the verdict, the budget or a
 * replay. So a command must change nothing in the sandbox.
 */
export class UnrecordedRuns {
  readonly #parts: { readonly sandboxes: Pick<Sandboxes, 'claims' | 'losses'>; readonly clock: Clock };

  constructor(parts: { sandboxes: Pick<Sandboxes, 'claims' | 'losses'>; clock: Clock }) {
    this.#parts = parts;
  }

  async run(rollout: Rollout, command: string): Promise<Shown | WorkProblem> {
    const { policy } = rollout.task;
    return await withCallLock(this.#parts, rollout, async (deadline) => {
      const sandbox = await this.#parts.sandboxes.claims.acquireSandbox(rollout, deadline);
      const number = rollout.nextNumber();
      const report = await sandbox.run(number, shell.work({ command }, policy), callLimits(policy, RUN_MS));
      sandbox.acknowledge(number);
      if (report.type === 'exited' && report.killReason === 'none') return shell.show(report, { command });
      return { problem: 'the command did not run to its end', status: 404 } as const;
    });
  }
}
