import type { QueuePlace, SandboxSupply } from '../admission/sandbox-supply.ts';
import type { Journal } from '../journal/journal.ts';
import type { Deadline } from '../kernel/deadline.ts';
import type { Sandbox, SandboxFault } from '../sandbox/sandbox.ts';
import type { Rollout } from './rollout.ts';
import { specOf } from './sandbox-spec.ts';

/** Bounds of the time after which a client should send its request again. */
const SHORTEST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 30_000;

/** The places that rollouts have in the start queue while they wait for a sandbox. */
export class StartPlaces {
  readonly #supply: SandboxSupply;
  readonly #journal: Journal;
  /** Aborted where a rollout no longer wants the sandbox it waits for. */
  readonly #leaving = new Map<Rollout, AbortController>();

  constructor({ supply, journal }: { supply: SandboxSupply; journal: Journal }) {
    this.#supply = supply;
    this.#journal = journal;
  }

  /** A sandbox in which nothing has run. One request per rollout at a time. Throws as `SandboxSupply.acquireSandbox`. */
  async waitForStart(rollout: Rollout, deadline: Deadline): Promise<Sandbox> {
    const leaving = new AbortController();
    this.#leaving.set(rollout, leaving);
    const { ownUser } = rollout.handle ?? {};
    try {
      return await this.#supply.acquireSandbox({
        spec: { ...specOf(rollout.task), ...(ownUser !== undefined && { ownUser }) },
        job: rollout.job,
        rollout: rollout.key,
        deadline,
        leave: leaving.signal,
        onFault: (fault) => void this.#recordFailedStart(rollout, fault),
      });
    } finally {
      this.#leaving.delete(rollout);
    }
  }

  /** Null where the rollout waits for no sandbox. */
  queuePlace(rollout: Rollout): QueuePlace | null {
    return this.#supply.queuePlaceOf(rollout.key);
  }

  /**
   * When a client should send its request again, for a rollout without a sandbox. With a place: when its start is
   * expected, and in any case before the place is given up. Without: when the queue is short enough to be waited
   * for with this patience.
   */
  retryAfterMs(rollout: Rollout, patienceMs: number): number {
    const place = this.queuePlace(rollout);
    if (place !== null) return Math.min(place.expectedWaitMs, LONGEST_RETRY_MS);
    return Math.max(SHORTEST_RETRY_MS, this.#supply.load.waitMs - patienceMs);
  }

  /** Gives up the place of a rollout whose clients have gone. A start that has begun goes on. */
  leaveQueue(rollout: Rollout): void {
    this.#leaving.get(rollout)?.abort();
  }

  async #recordFailedStart(rollout: Rollout, { code, message }: SandboxFault): Promise<void> {
    await this.#journal.append(
      { type: 'attempt_failed', ...rollout.ref, call: null, step: 'sandbox_start', code, message },
      { durable: false },
    );
  }
}
