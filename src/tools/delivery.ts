import { JournalError, type Journal } from '../journal/journal.ts';
import type { Call } from '../rollouts/call.ts';
import type { Rollout } from '../rollouts/rollout.ts';

/**
 * The call's answer has been sent whole. Only an answer of the tool counts: after a 503 the client sends the same call
 * again. Where ids count per turn it is recorded, so that a restart still knows it.
 */
export function noteDelivery(journal: Journal, rollout: Rollout, call: Call): void {
  if (call.ending?.status !== 200 || call.callsAtDelivery !== null) return;
  const callsBegun = rollout.calls.size;
  call.noteDelivery(callsBegun);
  if (rollout.task.call_ids === 'per_turn') void record(journal, rollout, call, callsBegun);
}

/** What can't be recorded counts as not delivered after a restart: a repetition then gets the stored answer. */
async function record(journal: Journal, { ref }: Rollout, call: Call, callsBegun: number): Promise<void> {
  try {
    const event = { type: 'call_delivered', ...ref, call: call.callId, callsBegun } as const;
    await journal.append(event, { durable: false });
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
  }
}
