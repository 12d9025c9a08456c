import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { SandboxFault, type Sandbox } from '../sandbox/sandbox.ts';

const CHECK_MS = 5_000;

/**
 * Asks a warm sandbox, as it leaves the pool, whether its sandboxd answers. Nothing has run in it since readiness showed
 * that processes can be started; starting another in each of a burst's sandboxes would double what the burst costs.
 */
export class WarmCheck {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `dead`: known not to work. `silent`: no word in time. */
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
