import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import type { Evidence } from '../outcome/evidence.ts';
import type { CallLimits } from '../protocol/messages.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { HOLD_MS } from './held-requests.ts';

/** Between the end of a command's own limit and the reply: kill, journal, network. */
const REPLY_MARGIN_MS = 15_000;

/** How long a call waits for the call lock: earlier calls, its command and the reply fit into one held request. */
export function callLockDeadline(clock: Clock, limits: CallLimits): Deadline {
  return Deadline.after(clock, 'turn_wait', HOLD_MS - limits.timeoutMs - REPLY_MARGIN_MS);
}

/** Why the lock was not to be had in time: earlier calls, which are the model's doing, or a rebuild, which is not. */
export function lockTimeout(rollout: Rollout, recoveriesBefore: number): Evidence {
  const rebuilt = rollout.displacement !== null || rollout.recoveries > recoveriesBefore;
  return rebuilt ? { kind: 'queue_expired' } : { kind: 'turn_expired' };
}
