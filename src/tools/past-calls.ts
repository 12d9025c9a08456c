import type { Evidence } from '../outcome/evidence.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { found, type Finding } from './finding.ts';

/** Calls that come too late to be run. */

/** A call after the rollout was handed to its grader. */
export function late(): Finding {
  return found({ kind: 'rollout_over', how: 'graded' });
}

/** Why a rollout takes no more calls, or null. A cause that cost it its sandbox comes before how it was put away. */
export function whyOver(rollout: Rollout): Evidence | null {
  if (rollout.lossCause !== null) return { kind: 'lost_before', cause: rollout.lossCause };
  if (rollout.state === 'ended') return { kind: 'rollout_over', how: rollout.endReason ?? 'stopped' };
  return null;
}

/** Earlier calls took too long: the model's doing, unless it was a replay that took it. */
export function whyNoTurn(rollout: Rollout, recoveriesBefore: number): Evidence {
  const replayed = rollout.displacement !== null || rollout.recoveries > recoveriesBefore;
  return replayed ? { kind: 'queue_expired' } : { kind: 'turn_expired' };
}
