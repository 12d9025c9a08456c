import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { CallLimits } from '../protocol/messages.ts';
import { SandboxFault, type Sandbox } from '../sandbox/sandbox.ts';

const CHECK_MS = 2_000;
const LIMITS: CallLimits = { timeoutMs: CHECK_MS, keepBytes: 64, outputBytes: 1_024 };

/** Asks a warm sandbox, as it leaves the pool, whether its agent can still start a process. */
export class WarmCheck {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `dead`: known not to work. `silent`: no word in time. */
  async of(sandbox: Sandbox): Promise<'answers' | 'dead' | 'silent'> {
    const call = sandbox.lastCall + 1;
    const deadline = Deadline.after(this.#clock, 'agent_silence', CHECK_MS);
    try {
      const report = await deadline.race(sandbox.run(call, { kind: 'probe' }, LIMITS));
      sandbox.acknowledge(call);
      return report.type === 'exited' && report.waitStatus === 0 ? 'answers' : 'dead';
    } catch (error) {
      if (error instanceof DeadlineExceeded) return 'silent';
      if (error instanceof SandboxFault) return 'dead';
      throw error;
    }
  }
}
