import type { Journal } from '../journal/journal.ts';
import type { Call } from '../rollouts/call.ts';
import { recordedEvent } from '../rollouts/recorded-event.ts';
import type { CallAnswer } from './call-answer.ts';

/** The answer of a finished call, from the journal. @throws JournalError, and Error (a bug) for a call without an ending. */
export async function storedAnswer(journal: Journal, call: Call): Promise<CallAnswer> {
  if (call.ending === null) throw new Error(`call ${call.callId} has no stored answer`);
  const event = await recordedEvent(journal, call.ending.position, 'call_finished');
  const { status, output, result, outcome } = event;
  const { rollout, clientId: callId } = call;
  return { rollout, callId, status, output, result, outcome, fromJournal: true };
}
