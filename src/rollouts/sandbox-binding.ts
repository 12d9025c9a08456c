import type { RemovalQueue } from '../admission/removal-queue.ts';
import type { SandboxSupply } from '../admission/sandbox-supply.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Losses } from './losses.ts';
import type { Rollout } from './rollout.ts';

/** Binds sandboxes to their rollouts: fresh ones, and those of an earlier life of this controller. */
export class SandboxBinding {
  readonly #supply: SandboxSupply;
  readonly #removals: RemovalQueue;
  readonly #losses: Losses;

  constructor(parts: { supply: SandboxSupply; removals: RemovalQueue; losses: Losses }) {
    this.#supply = parts.supply;
    this.#removals = parts.removals;
    this.#losses = parts.losses;
  }

  /**
   * Gives the rollout its sandbox and watches for its loss, also between calls. Call after the claim is durable.
   * Where the rollout has ended meanwhile, the sandbox is removed instead.
   */
  bindSandbox(rollout: Rollout, sandbox: Sandbox): void {
    this.#supply.countAdopted(sandbox.handle);
    if (rollout.state === 'ended') {
      void this.#removals.add(sandbox.handle);
      return;
    }
    rollout.bindSandbox(sandbox);
    void sandbox.lost.then(async (fault) => {
      if (rollout.sandbox === sandbox) await this.#losses.settleError(rollout, fault);
    });
  }
}
