import type { Call } from '../rollouts/call.ts';
import type { Rollout } from '../rollouts/rollout.ts';

/** What a request is whose call id was used before in its rollout. */
export type RepeatedId = 'same_call' | 'new_call' | 'conflict';

/**
 * How it shows that a client uses call ids again: with the same arguments after the answer was delivered and a later call
 * had begun, with other arguments, or (only where ids count per turn) with the same arguments right after the delivery, as
 * a late retry looks too.
 */
export type ReuseSign = 'same_arguments' | 'other_arguments' | 'undecided';

export interface JudgedRepeat {
  readonly as: RepeatedId;
  /** Null where nothing speaks against a retry, and where the task expects ids to come again. */
  readonly sign: ReuseSign | null;
}

/**
 * A retry comes with the arguments of its call, and before the client has gone on. Where ids count per turn, an id is a new
 * call if its answer was delivered and the client has gone on since: a later call has begun, or the arguments are others.
 */
export function judgeRepeat({ task, calls }: Rollout, call: Call, digest: string): JudgedRepeat {
  const same = call.argumentsSha256 === digest;
  const delivered = call.callsAtDelivery !== null;
  const later = call.callsAtDelivery !== null && calls.size > call.callsAtDelivery;
  if (task.call_ids === 'per_turn') {
    if (later || (delivered && !same)) return { as: 'new_call', sign: null };
    if (!same) return { as: 'conflict', sign: 'other_arguments' };
    return { as: 'same_call', sign: delivered ? 'undecided' : null };
  }
  if (!same) return { as: 'conflict', sign: 'other_arguments' };
  return { as: 'same_call', sign: later ? 'same_arguments' : null };
}
