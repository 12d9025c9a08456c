import type { CallId, RolloutId } from '../kernel/ids.ts';
import type { Outcome } from '../outcome/causes.ts';
import type { ToolResult } from '../outcome/result.ts';
import type { Opening } from '../rollouts/registry.ts';

export interface CallRequest {
  readonly opening: Opening;
  /** The idempotency key within the rollout, or null: then every request is a new call. */
  readonly callId: CallId | null;
  readonly tool: string;
  /** As received: a JSON string or a value. */
  readonly arguments: unknown;
  /** Aborted when the requester has gone. The call continues; only a place in the start queue is given up a minute later. */
  readonly gone?: AbortSignal;
}

export interface CallAnswer {
  readonly rollout: RolloutId;
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
