import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import type { Evidence } from '../outcome/evidence.ts';
import type { CallLimits } from '../protocol/messages.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { HOLD_MS } from './held-requests.ts';

/** Time between a command's time limit and the reply: kill, journal, network. */
const REPLY_MARGIN_MS = 15_000;

/** How long a call waits for the call lock: the wait, its command and the reply must fit into one held request. */
export function callLockDeadline(clock: Clock, limits: CallLimits): Deadline {
  return Deadline.after(clock, 'turn_wait', HOLD_MS - limits.timeoutMs - REPLY_MARGIN_MS);
}

/** Why the lock was not acquired in time: earlier calls (attributed to the model) or a rebuild (infrastructure). */
export function lockTimeout(rollout: Rollout, recoveriesBefore: number): Evidence {
  const rebuilt = rollout.displacement !== null || rollout.recoveries > recoveriesBefore;
  return rebuilt ? { kind: 'queue_expired' } : { kind: 'turn_expired' };
}
