import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { SandboxFault, type Sandbox } from '../sandbox/sandbox.ts';

const CHECK_MS = 5_000;

/**
 * Checks, when a warm sandbox is claimed, that its sandboxd answers. No process is started for the check: readiness has
 * shown that processes start, nothing has run since, and a process in each sandbox would double the cost of a burst.
 */
export class WarmCheck {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `dead`: the sandbox is lost. `silent`: no answer in time. */
  async of(sandbox: Sandbox): Promise<'answers' | 'dead' | 'silent'> {
    try {
      await sandbox.answers(Deadline.after(this.#clock, 'sandboxd_silence', CHECK_MS));
      return 'answers';
    } catch (error) {
      if (error instanceof DeadlineExceeded) return 'silent';
      if (error instanceof SandboxFault) return 'dead';
      throw error;
    }
  }
}
