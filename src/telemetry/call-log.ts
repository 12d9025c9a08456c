import type { Log } from '../kernel/log.ts';
import type { Outcome } from '../outcome/causes.ts';

/** A finished call as the operational log tells it. */
export interface LoggedCall {
  readonly callId: string;
  readonly tool: string;
  readonly outcome: Outcome | null;
  readonly status: number | null;
  readonly durationMs: number | null;
}

/** The one line that a call leaves in the log. */
export function logCall(
  log: Log,
  rollout: string,
  { callId, tool, outcome, status, durationMs }: LoggedCall,
): void {
  const { attribution, cause } = outcome ?? {};
  log.info(
    { rollout, call: callId, tool, attribution, cause, status, ms: Math.round(durationMs ?? 0) },
    'call',
  );
}
