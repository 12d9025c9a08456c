import type { RemovalQueue } from '../admission/removal-queue.ts';
import type { Journal } from '../journal/journal.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { SingleFlight } from '../kernel/single-flight.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { intendKill } from './intended-kill.ts';
import type { Recovery } from './recovery.ts';
import type { Rollout } from './rollout.ts';
import type { SandboxBinding } from './sandbox-binding.ts';
import { setUp } from './set-up.ts';
import type { StartPlaces } from './start-places.ts';

export interface ClaimParts {
  readonly places: StartPlaces;
  readonly binding: SandboxBinding;
  readonly recovery: Recovery;
  readonly removals: RemovalQueue;
  readonly journal: Journal;
}

/** Claims a sandbox for a rollout: on first use a new one, after a displacement a rebuilt one. */
export class SandboxClaims {
  readonly #parts: ClaimParts;
  readonly #claims = new SingleFlight<Rollout, Sandbox>();

  constructor(parts: ClaimParts) {
    this.#parts = parts;
  }

  /**
   * The rollout's sandbox, claimed now where it has none. A rebuild needs the rollout's call lock, so that no other
   * call's ending is on its way into the journal.
   *
   * @throws SandboxFault or DeadlineExceeded as `SandboxSupply.take`; SetupFailed; NotRecovered.
   */
  async acquireSandbox(rollout: Rollout, deadline: Deadline): Promise<Sandbox> {
    return rollout.sandbox ?? (await this.#claims.run(rollout, () => this.#claim(rollout, deadline)));
  }

  async #claim(rollout: Rollout, deadline: Deadline): Promise<Sandbox> {
    const { recovery, journal, binding } = this.#parts;
    const fresh = (): Promise<Sandbox> => this.#fresh(rollout, deadline);
    const rebuilds = rollout.displacement !== null;
    const sandbox = rebuilds ? await recovery.rebuildSandbox(rollout, fresh, deadline) : await fresh();
    const attempt = 1 + rollout.recoveries + (rebuilds ? 1 : 0);
    await this.#orRemove(sandbox, () =>
      journal.append(
        { type: 'sandbox_claimed', ...rollout.ref, handle: sandbox.handle, attempt },
        { durable: true },
      ),
    );
    const { endReason } = rollout; // `bindSandbox` removes the sandbox of an ended rollout.
    if (endReason !== null)
      await this.#orRemove(sandbox, () => intendKill(journal, rollout, sandbox.handle, endReason));
    binding.bindSandbox(rollout, sandbox);
    return sandbox;
  }

  /** A sandbox in which the task's set-up has run, and nothing else. */
  async #fresh(rollout: Rollout, deadline: Deadline): Promise<Sandbox> {
    const sandbox = await this.#parts.places.waitForStart(rollout, deadline);
    rollout.skipNumbers(sandbox.lastCall);
    await this.#orRemove(sandbox, () => setUp(rollout, sandbox));
    return sandbox;
  }

  async #orRemove(sandbox: Sandbox, step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      void this.#parts.removals.add(sandbox.handle);
      throw error;
    }
  }
}
