import type { IncomingHttpHeaders } from 'node:http';
import type { RolloutId } from '../kernel/ids.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { HttpError } from './errors.ts';
import type { HttpParts } from './parts.ts';
import { jobHeader } from './request-ids.ts';

/** The rollout of a request that needs its calls. @throws HttpError where there is none, or where only its verdict is kept */
export function heldRollout({ rollouts }: Pick<HttpParts, 'rollouts'>) {
  return (id: RolloutId, headers: IncomingHttpHeaders): Rollout => {
    const { rollout, verdict } = rollouts.standing(id, jobHeader(headers));
    if (rollout !== null && !rollout.hasForgottenCalls) return rollout;
    const isKept = rollout !== null || (verdict.verdict !== 'no_tool_call' && verdict.verdict !== 'unknown');
    throw new HttpError(isKept ? 'verdict_only' : 'unknown_rollout');
  };
}
