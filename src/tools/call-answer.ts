import type { CallId, RolloutId } from '../kernel/ids.ts';
import type { Outcome } from '../outcome/causes.ts';
import type { ToolResult } from '../outcome/result.ts';
import type { Opening } from '../rollouts/registry.ts';

export interface CallRequest {
  readonly opening: Opening;
  /** The idempotency key within the rollout, or null: then every request is a new call. */
  readonly callId: CallId | null;
  /** As received: a model may write any JSON value as a name. */
  readonly tool: unknown;
  /** As received: a JSON string or a value, or an `UnreadValue`. */
  readonly arguments: unknown;
  /** Absent: nobody waits. */
  readonly requester?: Requester;
}

/** Who waits for an answer. */
export interface Requester {
  /** Aborted when the requester has gone. The call continues; only a place in the start queue is given up a minute later. */
  readonly gone: AbortSignal;
  /** Calls `note` once the whole answer has been sent. */
  readonly onDelivered: (note: () => void) => void;
}

export interface CallAnswer {
  readonly rollout: RolloutId;
  /** As the client sent it. */
  readonly callId: CallId;
  readonly status: number;
  /** The text for the model. */
  readonly output: string;
  /** Null if the tool never ran. */
  readonly result: ToolResult | null;
  readonly outcome: Outcome;
  /** The answer of an earlier request with the same call id: from the journal, or of the same run. */
  readonly fromJournal: boolean;
  /** When to repeat the request, if it can be estimated from the speed of the start queue. */
  readonly retryAfterMs?: number;
}

/** The same call id was used with another tool or other arguments. The first call is not affected. */
export class ConflictingRepeat extends Error {
  override readonly name = 'ConflictingRepeat';
}
