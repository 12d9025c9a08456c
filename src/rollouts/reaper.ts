import { pause, type Clock } from '../kernel/clock.ts';
import type { EndReason, Rollout } from './rollout.ts';
import type { Rollouts } from './registry.ts';
import type { RolloutEnds } from './rollout-ends.ts';

const ROUND_MS = 5_000;

/** Ends rollouts that are idle or old. Runs until aborted. */
export async function reap(
  parts: { rollouts: Rollouts; ends: RolloutEnds; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(parts.clock, ROUND_MS, signal);
    await reapOnce(parts);
  }
}

export async function reapOnce(parts: {
  rollouts: Rollouts;
  ends: RolloutEnds;
  clock: Clock;
}): Promise<void> {
  const now = parts.clock.now();
  for (const rollout of parts.rollouts.all()) {
    const reason = dueEnd(rollout, now);
    if (reason !== null) await parts.ends.endRollout(rollout, reason);
  }
  parts.rollouts.forgetOld();
}

/** Which limit the rollout has reached, or null. A rollout with a call under way is not idle. */
export function dueEnd(rollout: Rollout, now: number): EndReason | null {
  const { rollout_life: life, rollout_idle: idle } = rollout.task.policy.times;
  if (rollout.state === 'ended') return null;
  if (now - rollout.openedAt >= life) return 'life';
  if (!rollout.busy && now - rollout.lastActivityAt >= idle) return 'idle';
  return null;
}
