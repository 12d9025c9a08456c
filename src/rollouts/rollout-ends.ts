import type { RemovalQueue } from '../admission/removal-queue.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { intendKill } from './intended-kill.ts';
import type { EndReason, Rollout, RolloutEnd } from './rollout.ts';
import type { StartPlaces } from './start-places.ts';

/** Ends rollouts in order: by request, by limit, or at shutdown. */
export class RolloutEnds {
  readonly #places: StartPlaces;
  readonly #removals: RemovalQueue;
  readonly #journal: Journal;
  readonly #clock: Clock;

  constructor(parts: { places: StartPlaces; removals: RemovalQueue; journal: Journal; clock: Clock }) {
    this.#places = parts.places;
    this.#removals = parts.removals;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  /** Takes no further call, records the end, and records the kill of the sandbox before it happens. Idempotent. */
  async endRollout(rollout: Rollout, reason: EndReason): Promise<void> {
    const { sandbox, handle } = rollout;
    const had = rollout.state === 'live' || rollout.state === 'displaced';
    if (!rollout.markEnded(endOf(rollout, reason, this.#clock))) return;
    this.#places.leaveQueue(rollout);
    await rollout.recordEnd(this.#journal);
    if (!had || handle === null) return;
    await intendKill(this.#journal, rollout, handle, reason);
    sandbox?.detach();
    void this.#removals.add(handle);
  }
}

/** A life that is over names what it was used for. Commands of parallel calls count for each, up to the whole life. */
function endOf(rollout: Rollout, how: EndReason, clock: Clock): RolloutEnd {
  if (how !== 'life') return { how };
  const lifeMs = Math.round(clock.now() - rollout.openedAt);
  return { how, lifeMs, commandsMs: Math.min(lifeMs, Math.round(rollout.commandTime.totalMs(clock))) };
}
