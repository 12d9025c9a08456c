import type { RemovalQueue } from '../admission/removal-queue.ts';
import type { Journal } from '../journal/journal.ts';
import type { EndReason, Rollout } from './rollout.ts';
import type { StartPlaces } from './start-places.ts';

/** Ends rollouts in order: by request, by limit, or at shutdown. */
export class RolloutEnds {
  readonly #places: StartPlaces;
  readonly #removals: RemovalQueue;
  readonly #journal: Journal;

  constructor(parts: { places: StartPlaces; removals: RemovalQueue; journal: Journal }) {
    this.#places = parts.places;
    this.#removals = parts.removals;
    this.#journal = parts.journal;
  }

  /** Takes no further call, records the end, and records the kill of the sandbox before it happens. Idempotent. */
  async endRollout(rollout: Rollout, reason: EndReason): Promise<void> {
    const { sandbox, handle } = rollout;
    const had = rollout.state === 'live' || rollout.state === 'displaced';
    if (!rollout.markEnded(reason)) return;
    this.#places.leaveQueue(rollout);
    await rollout.recordEnd(this.#journal);
    if (!had || handle === null) return;
    await this.#journal.append(
      { type: 'kill_intended', handle, rollout: rollout.id, reason },
      { durable: true },
    );
    sandbox?.detach();
    void this.#removals.add(handle);
  }
}
